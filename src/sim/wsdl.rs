//! The services' description in WSDL 1.1, made of a profile: for SOAP stacks that are not ours.
//!
//! SOAP with document and literal style; one service with a port for each of the profile's, whose name it has. What a payload holds
//! is left open, as it is told in two ways, as elements or as text.

use postern_formats::xml::escape_into;

use crate::find::profile::{Absent, HeaderBlock, Operation, Profile, RequestValue, Service, Step};

const TARGET: &str = "urn:postern:find";
/// The namespaces of WSDL and of XML Schema, which are nobody's wire format.
const NAMESPACES: [(&str, &str); 4] = [
    ("xmlns:wsdl", "http://schemas.xmlsoap.org/wsdl/"),
    ("xmlns:soap", "http://schemas.xmlsoap.org/wsdl/soap/"),
    ("xmlns:xs", "http://www.w3.org/2001/XMLSchema"),
    ("xmlns:tns", TARGET),
];

/// The description of all services of a profile, at a base URL without a slash at its end.
pub fn wsdl(profile: &Profile, base_url: &str) -> String {
    let mut out =
        Markup { out: String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"), open: Vec::new() };
    let mut namespaces = NAMESPACES.to_vec();
    namespaces.extend([("name", "find"), ("targetNamespace", TARGET)]);
    out.open("wsdl:definitions", &namespaces);
    out.open("wsdl:types", &[]);
    profile.service.iter().for_each(|service| write_schema(&mut out, profile, service));
    out.close();
    for service in &profile.service {
        let described = Described { profile, service };
        described.messages(&mut out);
        described.port_type(&mut out);
        described.binding(&mut out);
    }
    out.open("wsdl:service", &[("name", "find")]);
    for service in &profile.service {
        out.open("wsdl:port", &[("name", &service.name), ("binding", &format!("tns:{}", service.name))]);
        out.empty("soap:address", &[("location", &format!("{base_url}{}", service.path))]);
        out.close();
    }
    out.close();
    out.close();
    out.out
}

fn operations(service: &Service) -> impl Iterator<Item = (Step, &Operation)> {
    Step::ALL.into_iter().filter_map(|step| Some((step, service.operation(step)?)))
}

fn write_schema(out: &mut Markup, profile: &Profile, service: &Service) {
    let namespace = service.namespace.as_str();
    out.open(
        "xs:schema",
        &[("xmlns:s", namespace), ("targetNamespace", namespace), ("elementFormDefault", "qualified")],
    );
    profile.header.iter().for_each(|block| write_block(out, block));
    write_result(out, profile);
    for (_, operation) in operations(service) {
        out.sequence(&operation.operation, |out| {
            for field in &operation.fields {
                let mandatory = is_mandatory(field.value) || field.absent == Absent::Empty;
                out.element(&field.element, "xs:string", mandatory);
            }
        });
        out.sequence(&operation.response, |out| out.element(&operation.result, "s:Result", true));
    }
    out.close();
}

/// What a request of its operation is not without.
const fn is_mandatory(value: RequestValue) -> bool {
    matches!(value, RequestValue::RecordsMax | RequestValue::Record | RequestValue::Path)
}

fn write_block(out: &mut Markup, block: &HeaderBlock) {
    out.open("xs:element", &[("name", &block.element)]);
    out.open("xs:complexType", &[]);
    out.open("xs:sequence", &[]);
    block.fields.iter().for_each(|field| out.element(&field.element, "xs:string", false));
    out.close();
    for (name, value) in &block.attributes {
        out.empty("xs:attribute", &[("name", name), ("type", "xs:string"), ("fixed", value)]);
    }
    out.close();
    out.close();
}

fn write_result(out: &mut Markup, profile: &Profile) {
    let parts = &profile.reply;
    out.open("xs:complexType", &[("name", "Result")]);
    out.open("xs:sequence", &[]);
    out.element(&parts.code, "xs:string", true);
    out.element(&parts.other_code, "xs:string", false);
    for part in [&parts.request_id, &parts.reference, &parts.timestamp] {
        out.element(part, "xs:string", true);
    }
    out.open("xs:element", &[("name", &parts.payload), ("minOccurs", "0")]);
    out.open("xs:complexType", &[("mixed", "true")]);
    out.open("xs:sequence", &[]);
    out.empty("xs:any", &[("minOccurs", "0"), ("namespace", "##any"), ("processContents", "skip")]);
    (0..5).for_each(|_| out.close());
}

/// A service and the profile that it is of.
struct Described<'a> {
    profile: &'a Profile,
    service: &'a Service,
}

impl Described<'_> {
    fn name(&self, operation: &Operation, end: &str) -> String {
        format!("{}_{}_{end}", self.service.name, operation.operation)
    }

    fn headers(&self) -> String {
        format!("{}_headers", self.service.name)
    }

    fn part(&self, out: &mut Markup, name: &str, element: &str) {
        let (namespace, element) = (&self.service.namespace, format!("s:{element}"));
        out.empty("wsdl:part", &[("xmlns:s", namespace), ("name", name), ("element", &element)]);
    }

    fn messages(&self, out: &mut Markup) {
        out.open("wsdl:message", &[("name", &self.headers())]);
        self.profile.header.iter().for_each(|block| self.part(out, &block.element, &block.element));
        out.close();
        for (_, operation) in operations(self.service) {
            for (end, element) in [("in", &operation.operation), ("out", &operation.response)] {
                out.open("wsdl:message", &[("name", &self.name(operation, end))]);
                self.part(out, "parameters", element);
                out.close();
            }
        }
    }

    fn port_type(&self, out: &mut Markup) {
        out.open("wsdl:portType", &[("name", &self.service.name)]);
        for (_, operation) in operations(self.service) {
            out.open("wsdl:operation", &[("name", &operation.operation)]);
            for (element, end) in [("wsdl:input", "in"), ("wsdl:output", "out")] {
                out.empty(element, &[("message", &format!("tns:{}", self.name(operation, end)))]);
            }
            out.close();
        }
        out.close();
    }

    fn binding(&self, out: &mut Markup) {
        let name = self.service.name.as_str();
        out.open("wsdl:binding", &[("name", name), ("type", &format!("tns:{name}"))]);
        out.empty(
            "soap:binding",
            &[("style", "document"), ("transport", "http://schemas.xmlsoap.org/soap/http")],
        );
        for (step, operation) in operations(self.service) {
            out.open("wsdl:operation", &[("name", &operation.operation)]);
            let action = self.service.action(operation);
            out.empty("soap:operation", &[("soapAction", action.trim_matches('"')), ("style", "document")]);
            out.open("wsdl:input", &[]);
            for block in self.profile.header.iter().filter(|block| block.operations.contains(&step)) {
                let message = format!("tns:{}", self.headers());
                out.empty(
                    "soap:header",
                    &[("message", &message), ("part", &block.element), ("use", "literal")],
                );
            }
            out.empty("soap:body", &[("parts", "parameters"), ("use", "literal")]);
            out.close();
            out.open("wsdl:output", &[]);
            out.empty("soap:body", &[("use", "literal")]);
            out.close();
            out.close();
        }
        out.close();
    }
}

/// Markup with an element on each line, for people to read.
struct Markup {
    out: String,
    open: Vec<String>,
}

impl Markup {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, ">\n");
        self.open.push(name.to_owned());
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, "/>\n");
    }

    fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.indent();
            self.out.push_str(&format!("</{name}>\n"));
        }
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        self.indent();
        self.out.push_str(&format!("<{name}"));
        for (attribute, value) in attributes {
            self.out.push_str(&format!(" {attribute}=\""));
            // A profile's text that XML can't carry ends here, and is seen.
            let _cut = escape_into(value, &mut self.out);
            self.out.push('"');
        }
        self.out.push_str(end);
    }

    fn indent(&mut self) {
        self.out.push_str(&"  ".repeat(self.open.len()));
    }

    fn element(&mut self, name: &str, of: &str, mandatory: bool) {
        let optional = ("minOccurs", "0");
        let attributes = [("name", name), ("type", of), optional];
        self.empty("xs:element", if mandatory { &attributes[..2] } else { &attributes });
    }

    /// An element that is a sequence.
    fn sequence(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.open("xs:element", &[("name", name)]);
        self.open("xs:complexType", &[]);
        self.open("xs:sequence", &[]);
        fields(self);
        (0..3).for_each(|_| self.close());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that `schemas/find.wsdl` is what the built-in profile says; POSTERN_BLESS=1 writes it anew.
    #[test]
    fn stored() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/find.wsdl");
        let text = wsdl(&Profile::built_in(), "http://127.0.0.1:4090");
        if std::env::var_os("POSTERN_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read_to_string(path).unwrap_or_default() == text, "run with POSTERN_BLESS=1");
    }
}
