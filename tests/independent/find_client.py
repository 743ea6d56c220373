"""Asks a FIND simulator by zeep, over its description in WSDL alone: every service, its list, its details and its files.

    find_client.py WSDL BASE_URL QUESTIONS

QUESTIONS is a JSON file: for each service by its name in the WSDL the fields that find a record and those that find none.
Prints how many exchanges there were; whatever is not as it must be ends it with an AssertionError.
"""

import base64
import json
import sys
import uuid

import zeep
from lxml import etree

EXCHANGES = 0


class Port:
    """One service, asked by what the WSDL says of it."""

    def __init__(self, client, name, base_url):
        self.name = name
        port = client.wsdl.services["find"].ports[name]
        path = "/" + port.binding_options["address"].split("/", 3)[3]
        self.service = client.create_service(str(port.binding.name), base_url + path)
        self.operations = port.binding._operations

    def ask(self, operation, **fields):
        global EXCHANGES
        EXCHANGES += 1
        reference = f"UTO-{uuid.uuid4()}"
        headers = {
            "UsernameToken": {"Username": "utopia", "Password": "simulated", "Version": "1.0"},
            "UserInformation": {"Username": "officer-17", "ReferenceInCountry": reference},
            "AdministrativeToken": {"EnquiriesReference": str(uuid.uuid4())},
        }
        wanted = {name for name, _ in self.operations[operation].input.header.type.elements}
        headers = {name: value for name, value in headers.items() if name in wanted}
        assert {"UsernameToken", "UserInformation"} <= set(headers), self.name
        # Fields that are mandatory and not asked by stand there empty, as with other stacks.
        for name, element in self.operations[operation].input.body.type.elements:
            if not element.is_optional:
                fields.setdefault(name, "")
        result = self.service[operation](_soapheaders=headers, **fields)
        assert result.referenceInCountry == reference, f"{self.name}: another reference"
        assert result.requestId and result.timestamp
        return result


def records(result):
    """The records of a payload with their ids, and the status of each block."""
    root = result.xmlData["_value_1"]
    assert isinstance(root, etree._Element) and root.tag == "IPSGDatas", root
    blocks = root.findall(".//origin")
    assert blocks, etree.tostring(root)
    entries = [entry for block in blocks for entry in block if entry.get("item_id")]
    return entries, [block.findtext("status_id") for block in blocks]


def files(port, entry):
    """Fetches each file that a record names."""
    fetched = 0
    fetches = [("GetNoticePDFFile", "notice/path", b"%PDF"), ("ImageFile", "file/path", b"\xff\xd8")]
    for operation, place, begin in fetches:
        path = entry.findtext(place)
        if operation not in port.operations or path is None:
            continue
        fields = {}
        for name, _ in port.operations[operation].input.body.type.elements:
            fields[name] = path if name.startswith(("Path", "ImagePath")) else entry.get("item_id")
        file = port.ask(operation, **fields).xmlData["_value_1"].find(".//file")
        assert base64.b64decode(file.findtext("content")).startswith(begin), operation
        fetched += 1
    return fetched


def main(wsdl, base_url, questions):
    client = zeep.Client(wsdl)
    with open(questions, encoding="utf-8") as file:
        questions = json.load(file)
    assert set(questions) == set(client.wsdl.services["find"].ports), "not every service is asked"
    seen = set()
    for name, question in questions.items():
        port = Port(client, name, base_url)
        for search in [name for name in port.operations if "Search" in name]:
            found = port.ask(search, NbRecord="20", **question["found"])
            assert found.resultCode == "NO_ERROR", f"{name}: {found.resultCode}"
            entries, statuses = records(found)
            assert entries and "NO_ERROR" in statuses, name
            absent = port.ask(search, NbRecord="20", **question["absent"])
            assert absent.resultCode == "NO_ANSWER", f"{name}: {absent.resultCode}"
            assert records(absent)[0] == []
            seen.add((name, search))
        [details] = [name for name in port.operations if name.lower().endswith("details")]
        [field] = [name for name, _ in port.operations[details].input.body.type.elements]
        told = port.ask(details, **{field: entries[0].get("item_id")})
        assert told.resultCode == "NO_ERROR", f"{name}: {told.resultCode}"
        [entry] = records(told)[0]
        assert entry.get("item_id") == entries[0].get("item_id"), name
        assert len(entry.findall(".//*")) >= len(entries[0].findall(".//*")), name
        seen.add((name, details))
        fetched = files(port, entry)
        assert len(seen) and fetched == sum("File" in operation for operation in port.operations), name
    print(f"{len(questions)} services, {EXCHANGES} exchanges")


if __name__ == "__main__":
    main(*sys.argv[1:])
