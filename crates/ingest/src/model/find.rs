//! The values at a few paths of a JSON text, as slices of that text.
//!
//! One pass of the parser over the text, which follows the wanted names and skips everything
//! else without building it. What is found is borrowed, so its place in the text is known too:
//! redaction cuts there.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Path;

/// Paths, laid over each other.
#[derive(Debug, Default, Clone)]
pub struct Tree {
    wanted: Option<usize>,
    children: Vec<(String, Tree)>,
    through: bool,
}

impl Tree {
    /// Paths by their place in `paths`. A path that stands there twice is found at the first place.
    pub fn new<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self::build(paths, false)
    }

    /// The same, but an array on the way means each of its elements.
    pub fn through_arrays<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self::build(paths, true)
    }

    fn build<'a>(paths: impl IntoIterator<Item = &'a Path>, through: bool) -> Self {
        let mut tree = Self { through, ..Self::default() };
        for (place, path) in paths.into_iter().enumerate() {
            let end = path.steps().iter().fold(&mut tree, |tree, step| tree.child(step));
            end.wanted.get_or_insert(place);
        }
        tree
    }

    fn child(&mut self, name: &str) -> &mut Self {
        let place = self.children.iter().position(|(child, _)| child == name).unwrap_or_else(|| {
            self.children.push((name.to_owned(), Self { through: self.through, ..Self::default() }));
            self.children.len() - 1
        });
        &mut self.children[place].1
    }

    fn get(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|(child, _)| child == name).map(|(_, tree)| tree)
    }

    /// What stands in `text` at the paths, with the place of each path, in the order of the text.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn find<'a>(&self, text: &'a str) -> serde_json::Result<Vec<(usize, &'a RawValue)>> {
        let mut found = Vec::new();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Find { tree: self, found: &mut found }.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(found)
    }
}

struct Find<'t, 'o, 'de> {
    tree: &'t Tree,
    found: &'o mut Vec<(usize, &'de RawValue)>,
}

impl<'de> DeserializeSeed<'de> for Find<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Some(place) = self.tree.wanted else { return deserializer.deserialize_any(self) };
        let raw = <&RawValue as serde::Deserialize>::deserialize(deserializer)?;
        self.found.push((place, raw));
        if self.tree.children.is_empty() {
            return Ok(());
        }
        serde_json::Deserializer::from_str(raw.get()).deserialize_any(self).map_err(serde::de::Error::custom)
    }
}

impl<'de> Visitor<'de> for Find<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(child) = map.next_key_seed(Child(self.tree))? {
            match child {
                Some(tree) => map.next_value_seed(Find { tree, found: &mut *self.found })?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for place in 0_usize.. {
            let child = if self.tree.through { Some(self.tree) } else { self.tree.get(&place.to_string()) };
            let more = match child {
                Some(tree) => seq.next_element_seed(Find { tree, found: &mut *self.found })?.is_some(),
                None => seq.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Looks a name up without keeping it.
struct Child<'t>(&'t Tree);

impl<'de, 't> DeserializeSeed<'de> for Child<'t> {
    type Value = Option<&'t Tree>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t> Visitor<'_> for Child<'t> {
    type Value = Option<&'t Tree>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.get(name))
    }
}
