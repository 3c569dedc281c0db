//! The languages, and which of them a person reads.

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// French.
    Fr,
    /// Spanish.
    Es,
    /// Arabic.
    Ar,
}

/// So many languages of a request are looked at.
const MAX_WANTED: usize = 16;

impl Lang {
    /// All of them, English first.
    pub const ALL: [Self; 5] = [Self::En, Self::De, Self::Fr, Self::Es, Self::Ar];

    /// The BCP 47 tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Es => "es",
            Self::Ar => "ar",
        }
    }

    /// The language with a BCP 47 tag, or with its beginning: `de` for `de-AT` (RFC 4647 §3.4).
    #[must_use]
    pub fn of(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default();
        let is_it = |lang: &Self| lang.tag().eq_ignore_ascii_case(primary);
        Self::ALL.into_iter().find(is_it)
    }

    /// Direction of the script, as HTML's `dir` has it.
    #[must_use]
    pub const fn dir(self) -> &'static str {
        match self {
            Self::En | Self::De | Self::Fr | Self::Es => "ltr",
            Self::Ar => "rtl",
        }
    }

    /// The category of a count (Unicode CLDR's plural rules for whole numbers).
    pub(crate) const fn plural(self, count: u64) -> &'static str {
        match (self, count) {
            (Self::Ar, 0) => "zero",
            (Self::En | Self::De | Self::Es | Self::Ar, 1) | (Self::Fr, 0 | 1) => "one",
            (Self::Ar, 2) => "two",
            (Self::Ar, n) if matches!(n % 100, 3..=10) => "few",
            (Self::Ar, n) if matches!(n % 100, 11..=99) => "many",
            (Self::En | Self::De | Self::Fr | Self::Es | Self::Ar, _) => "other",
        }
    }

    /// The language of a page: the first of `wanted` (such as `ui_locales`) that is offered, else the one that
    /// `Accept-Language` likes best, else the first offered one.
    //= OIDC-CORE#3.1.2.1 implication: ui_locales are in order of preference and come before what the browser says
    #[must_use]
    pub fn choose<'w>(
        offered: &[Self],
        wanted: impl IntoIterator<Item = &'w str>,
        accept: Option<&str>,
    ) -> Self {
        let is_offered = |lang: &Self| offered.contains(lang);
        let first = offered.first().copied().unwrap_or_default();
        wanted
            .into_iter()
            .take(MAX_WANTED)
            .find_map(|tag| Self::of(tag).filter(is_offered))
            .or_else(|| accepted(accept?, first, is_offered))
            .unwrap_or(first)
    }
}

/// The best liked language of an `Accept-Language` header (RFC 9110 §12.5.4).
fn accepted(header: &str, any: Lang, is_offered: impl Fn(&Lang) -> bool) -> Option<Lang> {
    let mut best: Option<(u16, Lang)> = None;
    for range in header.split(',').take(MAX_WANTED) {
        let (tag, weight) = range.split_once(';').unwrap_or((range, ""));
        let tag = tag.trim();
        let lang = if tag == "*" { Some(any) } else { Lang::of(tag) };
        let weight = weight_of(weight.trim());
        if let Some(lang) = lang.filter(&is_offered)
            && weight > best.map_or(0, |(weight, _)| weight)
        {
            best = Some((weight, lang));
        }
    }
    best.map(|(_, lang)| lang)
}

/// A weight in thousandths: 1000 without one, 0 for one that is none.
fn weight_of(parameter: &str) -> u16 {
    let Some(value) = parameter.strip_prefix("q=") else {
        return if parameter.is_empty() { 1000 } else { 0 };
    };
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let is_short = part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit());
    match whole {
        "1" => 1000,
        "0" if is_short => format!("{part:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_wanted_most() {
        //= test OIDC-CORE#3.1.2.1 ui_locales are in order of preference and come before what the browser says
        for (wanted, accept, expected) in [
            ("", None, "en"),
            ("", Some("de-CH, fr;q=0.9"), "de"),
            ("", Some("fr;q=0.2, es;q=0.201, *;q=0.1"), "es"),
            ("", Some("pt, ar;q=0.5, en;q=0.4"), "ar"),
            ("", Some("de;q=0, *"), "en"),
            ("", Some("DE"), "de"),
            ("fr-CA de", Some("ar"), "fr"),
            ("xx zz-de es", Some("ar"), "es"),
            ("xx", Some("ar"), "ar"),
        ] {
            let lang = Lang::choose(&Lang::ALL, wanted.split(' '), accept);
            assert_eq!(lang.tag(), expected, "{wanted} {accept:?}");
        }
    }

    #[test]
    fn what_is_not_offered_is_not_chosen() {
        let offered = [Lang::Fr, Lang::De];
        for (wanted, accept, expected) in [
            ("", None, Lang::Fr),
            ("es", Some("es, en, ar"), Lang::Fr),
            ("es de", None, Lang::De),
            ("", Some("en, *;q=0.1"), Lang::Fr),
        ] {
            let lang = Lang::choose(&offered, wanted.split(' '), accept);
            assert_eq!(lang, expected, "{wanted} {accept:?}");
        }
    }

    #[test]
    fn nonsense_is_passed_over() {
        let long = "x,".repeat(100_000);
        for accept in [
            "../../etc/passwd",
            "de;q=9",
            "de;q=0.0001",
            "de;q=",
            "de;x=1",
            ";;,,;q=1",
            "d",
            "deutsch",
            &long,
        ] {
            let lang = Lang::choose(&Lang::ALL, [accept], Some(accept));
            assert_eq!(lang, Lang::En, "{accept:.20}");
        }
    }

    #[test]
    fn counts_have_the_categories_of_their_language() {
        for (lang, counts) in [
            (
                Lang::En,
                [(0, "other"), (1, "one"), (2, "other"), (11, "other")],
            ),
            (
                Lang::Fr,
                [(0, "one"), (1, "one"), (2, "other"), (100, "other")],
            ),
            (
                Lang::Ar,
                [(0, "zero"), (2, "two"), (103, "few"), (111, "many")],
            ),
            (
                Lang::Ar,
                [(1, "one"), (3, "few"), (99, "many"), (100, "other")],
            ),
        ] {
            for (count, category) in counts {
                assert_eq!(lang.plural(count), category, "{lang:?} {count}");
            }
        }
    }
}
