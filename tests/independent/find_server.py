"""FIND on another stack: http.server and lxml, written from what is known of the service and not from Postern's code.

    find_server.py

Prints `listening PORT`. Serves documents, persons and vehicles: it uses prefixes of its own, sends one service's payload as text, one
with a namespace, puts values in children and in attributes, and numbers codes or names them. At every request it checks what a server of
another make would: a mistake is answered by a SOAP fault and told on standard output as `mistake WHAT`. Each request that is right is
told as `asked SERVICE OPERATION REFERENCE`. It ends when its standard input does.
"""

import datetime
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lxml import etree

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"

DOCUMENTS = {
    "LOST12345": [("IPSG", "S-77", "LOST12345", "PAS", "173", None)],
    "LINKED123": [("IPSG.NOMTD", "T-78", "LINKED123", "PAS", "155", "RED")],
    "BOTH12345": [("IPSG", "S-79", "BOTH12345", "IDC", "173", None), ("IPSG.NOMTD", "T-80", "BOTH12345", "PAS", "173", "BLUE DIFF")],
}
PERSONS = [("N-1:2020/4711", "KORVATZ", "LIMA", "19740812", "10")]
VEHICLES = {"WVWZZZ1JZ3W386752": ("V-5", "WVWZZZ1JZ3W386752", "UTO 123", "VOLKSWAGEN")}

REFERENCES, LOCK = set(), threading.Lock()


class Mistake(Exception):
    """What a client did wrong."""


def must(is_so, otherwise):
    if not is_so:
        raise Mistake(otherwise)


def tell(*words):
    with LOCK:
        print(*words, flush=True)


def element(name, *children, **attributes):
    made = etree.Element(name, **attributes)
    for child in children:
        if isinstance(child, str):
            made.text = child
        else:
            made.append(child)
    return made


def payload(blocks, is_search):
    """Blocks of a name, a status and records."""
    origins = [element("origin", element("name", name), element("status_id", status), *entries) for name, status, entries in blocks]
    data = element("search", element("query", "/QUERY=echoed/"), *origins) if is_search else None
    datas = element("datas", data) if is_search else element("datas", *origins)
    header = element("header", element("schema_version", "1.1"), element("generator", "another stack"), element("language_id", "EN"))
    return element("IPSGDatas", header, datas)


# The services: each gives the code and the blocks of what is asked.

def search_documents(fields):
    must(list(fields) == ["DIN", "CountryOfRegistration", "TypeOfDocument", "NbRecord"], f"fields are {list(fields)}")
    must(fields["DIN"].isalnum() and fields["DIN"].upper() == fields["DIN"], "the number is not clean")
    must(not fields["TypeOfDocument"], "the type narrows the search")
    found, blocks = DOCUMENTS.get(fields["DIN"], []), []
    for name in ["IPSG", "IPSG.NOMTD"]:
        entries = []
        for _, item, number, kind, country, color in (one for one in found if one[0] == name):
            rest = [element("color", color)] if color else []
            entries.append(element("document", element("nr", number), element("type_id", kind),
                                   element("country_of_issuance_id", country), *rest, item_id=item))
        blocks.append((name, "0" if entries else "1", entries))
    return ("0" if found else "1"), blocks


def details_of_document(fields):
    must(list(fields) == ["Id"], f"fields are {list(fields)}")
    for block, item, number, kind, country, color in sum(DOCUMENTS.values(), []):
        if item == fields["Id"]:
            theft = element("theft", element("type_id", "STL"), element("date", "20200102"), element("country_id", country))
            entry = element("document", element("item_id", item), element("nr", number), element("type_id", kind),
                            element("country_of_issuance_id", country), theft, element("office_name", "NCB Elsewhere"))
            return "0", [(block, "0", [entry])]
    return "1", []


def search_persons(fields):
    must({"Name", "NbRecord"} <= set(fields), f"fields are {list(fields)}")
    found = [one for one in PERSONS if one[1] == fields["Name"]]
    entries = [element("nominal", element("name", name), element("forename", forename), element("date_of_birth", birth),
                       element("query_score", element("value", score)), item_id=item)
               for item, name, forename, birth, score in found]
    code = "NO_ERROR" if entries else "NO_ANSWER"
    return code, [("IPSG", code, entries)]


def details_of_person(fields):
    for item, name, forename, birth, _ in PERSONS:
        if item == fields["NominalSearchItemId"]:
            entry = element("nominal", element("name", name), element("forename", forename), element("date_of_birth", birth),
                            element("notice", element("color", "RED")), item_id=item)
            return "NO_ERROR", [("IPSG", "NO_ERROR", [entry])]
    return "NO_ANSWER", []


def vehicle(item, vin, mark, make):
    return element("vehicle", element("vin", vin), element("registration_mark", mark), element("make", make), item_id=item)


def search_vehicles(fields):
    one = VEHICLES.get(fields.get("VIN"))
    return ("0", [("IPSG", "0", [vehicle(*one)])]) if one else ("1", [])


def details_of_vehicle(fields):
    for one in VEHICLES.values():
        if one[0] == fields["VinId"]:
            return "0", [("IPSG", "0", [vehicle(*one)])]
    return "1", []


SERVICES = {
    "/find/nomtdsltd.asmx": ("urn:interpol:ws:wsp:nomtdsltd", {"Search": search_documents, "Details": details_of_document}),
    "/find/nominals.asmx": ("urn:interpol:ws:find:nominal", {"Search": search_persons, "Details": details_of_person}),
    "/find/smv.asmx": ("urn:interpol:ws:find:smv", {"Search": search_vehicles, "Details": details_of_vehicle}),
}


def children(parent, namespace, expected):
    """Texts of the children of a header block."""
    block = parent.find(f"{{{namespace}}}{expected}")
    must(block is not None, f"no {expected} in the header")
    return {etree.QName(child).localname: child.text for child in block if etree.QName(child).namespace == namespace}


def checked(envelope, namespace, operation):
    """The fields of a request and its reference, if all of it is right."""
    must(envelope.tag == f"{{{SOAP}}}Envelope", "no SOAP 1.1")
    header, body = envelope.find(f"{{{SOAP}}}Header"), envelope.find(f"{{{SOAP}}}Body")
    must(header is not None and body is not None and len(body) == 1, "no header or body")
    account = children(header, namespace, "UsernameToken")
    must(account.get("Username") == "it" and account.get("Password") == "simulated", "the account is wrong")
    must(header.find(f"{{{namespace}}}UsernameToken").get("Version") in ("1.0", "1.1"), "the version is wrong")
    user = children(header, namespace, "UserInformation")
    reference = user.get("ReferenceInCountry")
    must(user.get("Username") and reference and reference.startswith("UTO-"), "no end user or reference")
    must(children(header, namespace, "AdministrativeToken").get("EnquiriesReference"), "no reference of the exchange")
    with LOCK:
        must(reference not in REFERENCES, "the reference was there before")
        REFERENCES.add(reference)
    must(body[0].tag == f"{{{namespace}}}{operation}", "another operation in the body")
    return {etree.QName(child).localname: child.text for child in body[0]}, reference


def answer(namespace, operation, code, blocks, reference):
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"env": SOAP, "n1": namespace})
    response = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{namespace}}}{operation}Response")
    result = etree.SubElement(response, f"{{{namespace}}}{operation}Result")
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    for name, text in [("resultCode", code), ("resultOtherCode", None), ("requestId", "1"), ("referenceInCountry", reference), ("timestamp", now)]:
        etree.SubElement(result, f"{{{namespace}}}{name}").text = text
    data = etree.SubElement(result, f"{{{namespace}}}xmlData")
    if blocks:
        told = payload(blocks, operation == "Search")
        if namespace.endswith("nomtdsltd"):
            data.text = etree.tostring(told, encoding="unicode")
        else:
            data.append(told)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def fault(text):
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"env": SOAP})
    told = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    etree.SubElement(told, "faultcode").text = "env:Client"
    etree.SubElement(told, "faultstring").text = text
    return etree.tostring(envelope)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            self.reply(200, self.answered(body))
        except Mistake as mistake:
            tell("mistake", mistake)
            self.reply(500, fault(str(mistake)))

    def answered(self, body):
        must(self.path in SERVICES, f"no such path: {self.path}")
        namespace, operations = SERVICES[self.path]
        must(self.headers["Content-Type"].replace(" ", "").lower() == "text/xml;charset=utf-8", "the content type is wrong")
        action = self.headers["SOAPAction"] or ""
        must(action.startswith(f'"{namespace}/') and action.endswith('"'), f"the action is {action}")
        operation = action.strip('"').rsplit("/", 1)[1]
        must(operation in operations, f"no such operation: {operation}")
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        fields, reference = checked(etree.fromstring(body, parser), namespace, operation)
        code, blocks = operations[operation](fields)
        tell("asked", self.path.split("/")[-1].split(".")[0], operation, reference)
        return answer(namespace, operation, code, blocks, reference)

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    tell("listening", server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
