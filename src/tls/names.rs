//! The names in a certificate that was verified.

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use crate::lane::is_client_name;

/// The prefix of a URI that names a client in a certificate's alternative names.
const CLIENT_URN: &str = "urn:postern:client:";

/// The client that a verified certificate names: the alternative name `urn:postern:client:<name>`, or else the
/// subject's common name. None if the name is given twice, so that nobody is taken for another, or is not one that
/// clients may have.
pub fn client_name(leaf: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let mut urns = Vec::new();
    if let Some(names) = certificate.subject_alternative_name().ok()? {
        for name in &names.value.general_names {
            if let GeneralName::URI(uri) = name {
                urns.extend(uri.strip_prefix(CLIENT_URN));
            }
        }
    }
    let name = match urns.as_slice() {
        [] => only_common_name(certificate.subject())?,
        [one] => one,
        _ => return None,
    };
    is_client_name(name).then(|| name.to_owned())
}

fn only_common_name<'a>(subject: &'a X509Name<'_>) -> Option<&'a str> {
    let mut names = subject.iter_common_name();
    let name = names.next()?.as_str().ok()?;
    names.next().is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::Authority;

    fn named(common_name: &str, urns: &[&str]) -> Option<String> {
        let urns: Vec<String> = urns.iter().map(|name| format!("{CLIENT_URN}{name}")).collect();
        client_name(&Authority::new("PRODUCTION").issue_named(common_name, &urns).certificate)
    }

    // Proves which of a certificate's names counts, and that an ambiguous or odd one names nobody.
    #[test]
    fn one_name_counts() {
        assert_eq!(named("egate-1", &[]).as_deref(), Some("egate-1"));
        assert_eq!(named("egate-1", &["booth-2"]).as_deref(), Some("booth-2"));
        assert_eq!(named("egate-1", &["booth-2", "booth-3"]), None);
        assert_eq!(named(" egate", &[]), None);
        assert_eq!(named("egate-1", &[""]), None);
        assert_eq!(client_name(&CertificateDer::from(vec![0x30, 0x00])), None);
    }
}
