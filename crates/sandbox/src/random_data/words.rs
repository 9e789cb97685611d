//! What users are made of. A change here changes every answer of every seed.

pub(super) const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(super) const FIRST: [&str; 32] = [
    "Ada", "Alton", "Beatriz", "Bernard", "Carla", "Clyde", "Dalia", "Denis", "Edith", "Elmer", "Faye", "Felix",
    "Gina", "Grover", "Hattie", "Hugo", "Ida", "Irvin", "Jana", "Jerome", "Kara", "Kirk", "Lena", "Lloyd", "Mabel",
    "Milo", "Nadia", "Otis", "Paula", "Rufus", "Selma", "Vernon",
];

pub(super) const LAST: [&str; 40] = [
    "Abbott",
    "Adams",
    "Bahringer",
    "Baker",
    "Becker",
    "Carter",
    "Collins",
    "Crooks",
    "Daniel",
    "Dickens",
    "Douglas",
    "Ebert",
    "Fisher",
    "Fritsch",
    "Gerhold",
    "Glover",
    "Hagenes",
    "Harris",
    "Howell",
    "Jacobs",
    "Jenkins",
    "Keeling",
    "Kuhn",
    "Larkin",
    "Lynch",
    "Mayer",
    "Metz",
    "Miller",
    "Nolan",
    "Oberbrunner",
    "Parker",
    "Price",
    "Quigley",
    "Reilly",
    "Sanford",
    "Schmidt",
    "Turner",
    "Volkman",
    "Walsh",
    "Zieme",
];

pub(super) const FIRST_RARE: [&str; 8] = ["Zoë", "Søren", "Łucja", "Ирина", "花子", "فاطمة", "Σοφία", "O"];

/// Diacritics composed and decomposed, apostrophes, spaces, lower case, other scripts, and one
/// outside the basic plane, which UTF-8 and UTF-16 sort differently.
pub(super) const LAST_RARE: [&str; 16] = [
    "O'Conner",
    "de la Cruz",
    "van der Berg",
    "Smith-Jones",
    "Ødegård",
    "Müller",
    "Nguyễn",
    "Nguye\u{302}\u{303}n",
    "Łukasiewicz",
    "Иванова",
    "Παπαδόπουλος",
    "山田",
    "𠮷田",
    "김",
    "محمد",
    "Ng",
];

pub(super) const GENDERS: [&str; 8] =
    ["Female", "Male", "Genderfluid", "Agender", "Bigender", "Genderqueer", "Non-binary", "Polygender"];

pub(super) const LATIN: [&str; 16] = [
    "quasi", "nostrum", "iste", "qui", "officiis", "expedita", "aut", "dolores", "magni", "rerum", "velit", "harum",
    "eos", "tempora", "sunt", "ipsa",
];

pub(super) const RANKS: [&str; 8] =
    ["Future", "Senior", "Chief", "Junior", "Principal", "Regional", "Lead", "Corporate"];

pub(super) const TRADES: [&str; 8] = [
    "Technician",
    "Manufacturing Architect",
    "Farming Liaison",
    "Mining Officer",
    "Sales Engineer",
    "Legal Strategist",
    "Banking Executive",
    "Design Assistant",
];

pub(super) const SKILLS: [&str; 8] = [
    "Work under pressure",
    "Technical savvy",
    "Teamwork",
    "Leadership",
    "Self-motivated",
    "Networking skills",
    "Communication",
    "Fast learner",
];

pub(super) const CITY_BEGINNINGS: [&str; 10] =
    ["North ", "East ", "New ", "Lake ", "Port ", "Matilda", "Joella", "Gerda", "Rosalba", "Kelvin"];

pub(super) const CITY_ENDINGS: [&str; 10] =
    ["mouth", "chester", "ville", "berg", "town", "haven", "stad", "furt", "view", "side"];

pub(super) const STREETS: [&str; 10] =
    ["Gerhold", "Crooks", "Miller", "Marlana", "Bashirian", "Orchard", "Juniper", "Halley", "Stanton", "Willow"];

pub(super) const STREET_ENDINGS: [&str; 8] =
    ["Glens", "Points", "Street", "Walk", "Meadows", "Crossing", "Turnpike", "Ridge"];

pub(super) const STATES: [&str; 12] = [
    "Iowa",
    "New Jersey",
    "Alaska",
    "Texas",
    "Ohio",
    "Oregon",
    "Vermont",
    "Nevada",
    "Maine",
    "Utah",
    "Georgia",
    "Kansas",
];

pub(super) const PLANS: [&str; 12] = [
    "Basic",
    "Gold",
    "Platinum",
    "Silver",
    "Diamond",
    "Bronze",
    "Business",
    "Essential",
    "Premium",
    "Professional",
    "Standard",
    "Starter",
];

pub(super) const STATUSES: [&str; 4] = ["Pending", "Blocked", "Active", "Idle"];

pub(super) const PAYMENT_METHODS: [&str; 8] =
    ["Visa checkout", "Money transfer", "Cash", "Cheque", "Debit card", "Paypal", "Bitcoins", "WeChat Pay"];

pub(super) const TERMS: [&str; 4] = ["Payment in advance", "Annual", "Monthly", "Full subscription"];
