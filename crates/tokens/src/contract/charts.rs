//! What a chart says.

use serde_json::Value;

use super::{Callers, chart, number};

pub(super) async fn cases(callers: &Callers) {
    a_chart_says_what_its_candles_say(callers).await;
    a_token_that_others_are_priced_in_has_a_chart_of_its_own(callers).await;
    it_is_of_a_day_unless_said(callers).await;
    everybody_sees_the_same(callers).await;
}

async fn a_chart_says_what_its_candles_say(callers: &Callers) {
    for chain in ["ethereum", "arbitrum", "base"] {
        for (frequency, step, most) in [
            ("1h", 60, 60),
            ("4h", 300, 48),
            ("1d", 900, 96),
            ("1w", 3_600, 168),
            ("1m", 14_400, 180),
            ("all", 86_400, 1_000),
        ] {
            let chart = callers.reader.get(&chart(chain, 1, frequency)).await.expect(200).json();
            let data = chart["data"].as_array().expect("candles");
            assert!((2..=most).contains(&data.len()), "{frequency}: {}", data.len());
            assert_eq!(chart["numDatapoints"], data.len());
            let of = |name: &str| data.iter().map(|candle| number(&candle[name])).collect::<Vec<f64>>();
            let (lows, highs, starts) = (of("low"), of("high"), of("timestamp"));
            let span = starts[starts.len() - 1] - starts[0];
            assert!(span < (step * i64::try_from(most).expect("few")) as f64, "{frequency}: {span} s");
            assert!(starts.is_sorted() && starts.windows(2).all(|two| (two[1] - two[0]) as i64 % step == 0));
            let (least, most) =
                (lows.iter().copied().fold(f64::MAX, f64::min), highs.iter().copied().fold(0.0, f64::max));
            let said = |name: &str| number(&chart[name]);
            assert_eq!((said("priceMin"), said("priceMax")), (least, most));
            assert_eq!((said("timestampMin"), said("timestampMax")), (starts[0], starts[starts.len() - 1]));
            let (first, last) = (number(&data[0]["open"]), number(&data[data.len() - 1]["close"]));
            assert_eq!(said("latestPrice"), last);
            assert!((said("latestReturn") - (last / first - 1.0)).abs() < 1e-9);
            assert!((said("totalVolume") / of("volume").iter().sum::<f64>() - 1.0).abs() < 1e-9);
            // As many tokens at either price.
            assert!((said("marketCapMax") / said("marketCapMin") / (most / least) - 1.0).abs() < 1e-9);
            assert!(said("dayVolume") > 0.0);
        }
    }
}

/// A pool says what its base token costs; the sandbox has tokens that are the other one.
async fn a_token_that_others_are_priced_in_has_a_chart_of_its_own(callers: &Callers) {
    let of = async |token: &str| callers.reader.get(&format!("/v1/chart/base/0x{token:0>40}")).await.expect(200).json();
    let (quoted, base) = (of("79999").await, of("7999b").await);
    for price in ["priceMin", "latestPrice"] {
        assert!((0.9..1.1).contains(&number(&quoted[price])), "{quoted}");
        assert!(number(&base[price]) > 0.0);
    }
    assert_eq!((&quoted["marketCapMin"], &quoted["marketCapMax"]), (&Value::Null, &Value::Null));
    assert!(number(&base["marketCapMin"]) > 0.0);
}

async fn it_is_of_a_day_unless_said(callers: &Callers) {
    let path = chart("base", 1, "1d");
    let plain = path.split('?').next().expect("a path");
    let of_a_day: Value = callers.reader.get(&path).await.expect(200).json();
    assert_eq!(callers.reader.get(plain).await.expect(200).json(), of_a_day);
}

async fn everybody_sees_the_same(callers: &Callers) {
    let path = chart("ethereum", 1, "1w");
    let mine = callers.reader.get(&path).await.expect(200);
    let theirs = callers.stranger.get(&path).await.expect(200);
    assert_eq!((mine.text(), mine.header("etag")), (theirs.text(), theirs.header("etag")));
}
