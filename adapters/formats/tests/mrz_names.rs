//! The name examples of Doc 9303 parts 4 to 7, in every layout.

use postern_formats::mrz::{self, Mrz};

/// Identifiers and components as expected: primary, secondary, cut.
type Expected = (&'static [&'static str], &'static [&'static str], bool);

/// The zone that has this name line in its layout.
fn zone(line: &str) -> Mrz {
    let lines = match (line.len(), line.as_bytes()[0]) {
        (30, _) => format!("I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\n{line}"),
        (36, b'V') => format!("{line}\nL898902C<3UTO6908061F9406236ZE184226"),
        (36, _) => format!("{line}\nD231458907UTO7408122F1204159<<<<<<<6"),
        (44, b'V') => format!("{line}\nL898902C<3UTO6908061F9406236ZE184226B<<<<<<<"),
        _ => format!("{line}\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"),
    };
    mrz::parse(lines.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn check(lines: &[&str], (primary, secondary, truncated): Expected) {
    for line in lines {
        let zone = zone(line);
        let names = zone.names();
        assert_eq!(names.primary_components().collect::<Vec<_>>(), primary, "{line}");
        assert_eq!(names.secondary_components().collect::<Vec<_>>(), secondary, "{line}");
        assert_eq!(names.truncated(), truncated, "{line}");
        assert_eq!(names.primary(), primary.join("<"));
        assert!(zone.corrections().is_empty());
    }
}

/// The same name field in a TD3 and an MRV-A.
fn both(td3: &str) -> [String; 2] {
    [td3.to_owned(), format!("V{}", &td3[1..])]
}

fn check_44(td3: &str, expected: Expected) {
    let lines = both(td3);
    check(&[&lines[0], &lines[1]], expected);
}

#[test]
fn names_that_fit() {
    // Components, hyphens, apostrophes and middle names, none of them cut.
    check(
        &[
            "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
            "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
            "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
        ],
        (&["ERIKSSON"], &["ANNA", "MARIA"], false),
    );
    check_44("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", (&["ERIKSSON"], &["ANNA", "MARIA"], false));
    let heng: Expected = (&["HENG"], &["DEBORAH", "MING", "LO"], false);
    check_44("P<UTOHENG<<DEBORAH<MING<LO<<<<<<<<<<<<<<<<<<", heng);
    check(&["V<UTOHENG<<DEBORAH<MING<LO<<<<<<<<<<"], heng);
    let smith: Expected = (&["SMITH", "JONES"], &["SUSIE", "MARGARET"], false);
    check_44("P<UTOSMITH<JONES<<SUSIE<MARGARET<<<<<<<<<<<<", smith);
    check(&["V<UTOSMITH<JONES<<SUSIE<MARGARET<<<<"], smith);
    let oconnor: Expected = (&["OCONNOR"], &["ENYA", "SIOBHAN"], false);
    check_44("P<UTOOCONNOR<<ENYA<SIOBHAN<<<<<<<<<<<<<<<<<<", oconnor);
    check(&["V<UTOOCONNOR<<ENYA<SIOBHAN<<<<<<<<<<"], oconnor);
}

#[test]
fn several_components() {
    // The primary identifier may have several, and so may the secondary.
    let muellen: Expected = (&["VAN", "DER", "MUELLEN"], &["MARTIN"], false);
    check(
        &[
            "VAN<DER<MUELLEN<<MARTIN<<<<<<<",
            "I<UTOVAN<DER<MUELLEN<<MARTIN<<<<<<<<",
            "V<UTOVAN<DER<MUELLEN<<MARTIN<<<<<<<<",
        ],
        muellen,
    );
    check_44("P<UTOVAN<DER<MUELLEN<<MARTIN<<<<<<<<<<<<<<<<", muellen);
    let basri: Expected = (&["AL", "BASRI"], &["HUDA", "MUHAMMAD", "JAWAD"], false);
    check(&["AL<BASRI<<HUDA<MUHAMMAD<JAWAD<", "I<UTOAL<BASRI<<HUDA<MUHAMMAD<JAWAD<<"], basri);
    check_44("P<UTOAL<BASRI<<HUDA<MUHAMMAD<JAWAD<<<<<<<<<<", basri);
}

#[test]
fn the_same_name_cut_in_one_layout_and_fitting_in_another() {
    // A letter in the last column means cut, even where the name just fits.
    check(&["VILARCHAO<FERNANDEZ<<JOSE<RAMO"], (&["VILARCHAO", "FERNANDEZ"], &["JOSE", "RAMO"], true));
    check(&["I<UTOVILARCHAO<FERNANDEZ<<JOSE<RAMON"], (&["VILARCHAO", "FERNANDEZ"], &["JOSE", "RAMON"], true));
    check_44(
        "P<UTOVILARCHAO<FERNANDEZ<<JOSE<RAMON<<<<<<<<",
        (&["VILARCHAO", "FERNANDEZ"], &["JOSE", "RAMON"], false),
    );
}

#[test]
fn a_single_identifier() {
    // No secondary identifier is no error, whether the primary has one part or two.
    let lines = [
        "ARKFREITH<<<<<<<<<<<<<<<<<<<<<",
        "I<UTOARKFREITH<<<<<<<<<<<<<<<<<<<<<<",
        "V<UTOARKFREITH<<<<<<<<<<<<<<<<<<<<<<",
    ];
    check(&lines, (&["ARKFREITH"], &[], false));
    check_44("P<UTOARKFREITH<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<", (&["ARKFREITH"], &[], false));
    let satriya: Expected = (&["SATRIYA", "SUDARPA"], &[], false);
    check(&["SATRIYA<SUDARPA<<<<<<<<<<<<<<<", "I<UTOSATRIYA<SUDARPA<<<<<<<<<<<<<<<<"], satriya);
    check_44("P<UTOSATRIYA<SUDARPA<<<<<<<<<<<<<<<<<<<<<<<<", satriya);
}

#[test]
fn secondary_identifiers_cut() {
    // To initials, and in the middle.
    let primary: &[&str] = &["NILAVADHANANANDA"];
    check(&["NILAVADHANANANDA<<CHAYAPA<DE<K"], (primary, &["CHAYAPA", "DE", "K"], true));
    check(
        &["I<UTONILAVADHANANANDA<<CHAYAPA<DEJ<K", "V<UTONILAVADHANANANDA<<CHAYAPA<DEJ<K"],
        (primary, &["CHAYAPA", "DEJ", "K"], true),
    );
    check_44(
        "P<UTONILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K",
        (primary, &["CHAYAPA", "DEJTHAMRONG", "K"], true),
    );
    check(&["NILAVADHANANANDA<<ARNPOL<PE<CH"], (primary, &["ARNPOL", "PE", "CH"], true));
    check(&["I<UTONILAVADHANANANDA<<ARN<PET<CHARO"], (primary, &["ARN", "PET", "CHARO"], true));
    check(&["V<UTONILAVADHANANANDA<<ARNP<PE<CHARO"], (primary, &["ARNP", "PE", "CHARO"], true));
    check_44(
        "P<UTONILAVADHANANANDA<<ARNPOL<PETCH<CHARONGU",
        (primary, &["ARNPOL", "PETCH", "CHARONGU"], true),
    );
}

#[test]
fn primary_identifiers_cut() {
    // To initials, in the middle, and to a fixed width of each part.
    check(&["BENNELONG<WOOLOOMOOLOO<W<W<<DI"], (&["BENNELONG", "WOOLOOMOOLOO", "W", "W"], &["DI"], true));
    check(
        &["I<UTOBENNELONG<WOOLOOMOOLOO<W<W<<D<P"],
        (&["BENNELONG", "WOOLOOMOOLOO", "W", "W"], &["D", "P"], true),
    );
    check(
        &["V<UTOBENNELONG<WOOLOOMOOLOO<WAR<W<<D"],
        (&["BENNELONG", "WOOLOOMOOLOO", "WAR", "W"], &["D"], true),
    );
    check_44(
        "P<UTOBENNELONG<WOOLOOMOOLOO<WARRANDYTE<W<<DI",
        (&["BENNELONG", "WOOLOOMOOLOO", "WARRANDYTE", "W"], &["DI"], true),
    );
    check(&["BENNELONG<WOOLOOM<WA<WARN<<D<P"], (&["BENNELONG", "WOOLOOM", "WA", "WARN"], &["D", "P"], true));
    check(
        &["I<UTOBENNELONG<WOOLOOM<WAR<WARN<<D<P"],
        (&["BENNELONG", "WOOLOOM", "WAR", "WARN"], &["D", "P"], true),
    );
    check(
        &["V<UTOBENNELONG<WOOLOOM<WAR<WA<<DINGO"],
        (&["BENNELONG", "WOOLOOM", "WAR", "WA"], &["DINGO"], true),
    );
    check_44(
        "P<UTOBENNELONG<WOOLOOM<WARRAND<WARNAM<<DINGO",
        (&["BENNELONG", "WOOLOOM", "WARRAND", "WARNAM"], &["DINGO"], true),
    );
    check(&["BENNE<WOOLO<WARRA<WARNA<<DIN<P"], (&["BENNE", "WOOLO", "WARRA", "WARNA"], &["DIN", "P"], true));
    check(
        &["I<UTOBENNEL<WOOLO<WARRA<WARNA<<DIN<P"],
        (&["BENNEL", "WOOLO", "WARRA", "WARNA"], &["DIN", "P"], true),
    );
    check(
        &["V<UTOBENN<WOOL<WARR<WARN<<DINGO<POTO"],
        (&["BENN", "WOOL", "WARR", "WARN"], &["DINGO", "POTO"], true),
    );
    check_44(
        "P<UTOBENNEL<WOOLOO<WARRAN<WARNAM<<DINGO<POTO",
        (&["BENNEL", "WOOLOO", "WARRAN", "WARNAM"], &["DINGO", "POTO"], true),
    );
}

#[test]
fn a_name_that_just_fits_is_taken_as_cut() {
    // Nobody can tell it from one that was.
    let primary: &[&str] = &["PAPANDROPOULOUS"];
    check(&["PAPANDROPOULOUS<<JONATHON<ALEC"], (primary, &["JONATHON", "ALEC"], true));
    check(&["I<UTOPAPANDROPOULOUS<<JONATHOON<ALEC"], (primary, &["JONATHOON", "ALEC"], true));
    check(&["V<UTOPAPANDROPOULOUS<<STEPHEN<TREVOR"], (primary, &["STEPHEN", "TREVOR"], true));
    check_44(
        "P<UTOPAPANDROPOULOUS<<JONATHON<WARREN<TREVOR",
        (primary, &["JONATHON", "WARREN", "TREVOR"], true),
    );
}
