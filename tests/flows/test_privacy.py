"""Promise 8: identity stays in its schema, whatever a night writes."""

from nights import run

from flows.newsite import upgrade_database
from flows.run import dry_night
from flows.standing import standing

CANARIES = {
    "PatientName": "CANARY^NAME", "OtherPatientNames": "CANARY^OTHER", "PatientAddress": "CANARY STREET 1",
    "StudyDescription": "chest of CANARY DOE", "SeriesDescription": "for CANARY DOE",
    "ProtocolName": "CANARY protocol",
    "InstitutionName": "CANARY HOSPITAL", "ReferringPhysicianName": "CANARY^DOCTOR",
    "PatientComments": "CANARY said so",
    "OperatorsName": "CANARY^OPERATOR", "StudyID": "CANARY77", "PatientBirthDate": "19710317",
}  # fmt: skip
NEVER = ("CANARY", "19710317", "CANARY-ID", "CANARY-ISSUER", "CANARYACC", "1.2.777")


def planted(hospital_writer, archive):
    """An archive whose every free text, id, number and path is a canary, with good, bad and odd files."""
    for number in range(4):
        names = f"1.2.777.{number}"
        tags = CANARIES | {"AccessionNumber": f"CANARYACC{number}", "IssuerOfPatientID": "CANARY-ISSUER"}
        hospital_writer(
            archive / f"CANARY^NAME-{number}.dcm", patient=f"CANARY-ID{number % 2}", study=names, series=f"{names}.1",
            instance=f"{names}.1.1", date=f"2021010{number + 1}", **tags,
        )  # fmt: skip
    whole = (archive / "CANARY^NAME-0.dcm").read_bytes()
    (archive / "CANARY-truncated").write_bytes(whole[: len(whole) // 2])
    (archive / "CANARY.txt").write_text("CANARY")
    broken = bytearray(whole)
    broken[200:260] = b"\xff" * 60
    (archive / "CANARY-broken").write_bytes(bytes(broken))


def test_nothing_that_a_night_writes_holds_identity_but_its_own_file(make_site, write_dicom):
    site = make_site()
    planted(write_dicom, site.archive)
    assert run(site).files["used"] >= 4
    site.db.close()
    leaks = []
    for path in site.store.rglob("*"):
        if path.is_file() and "identity" not in path.name:
            content = path.read_bytes()
            leaks += [(path.name, word) for word in NEVER if word.encode() in content or word in str(path)]
    assert leaks == []
    assert any(word.encode() in (site.store / "scantwin-identity.sqlite").read_bytes() for word in NEVER)


def test_what_status_and_a_dry_run_say_holds_no_identity(make_site, write_dicom):
    site = make_site()
    planted(write_dicom, site.archive)
    run(site)
    upgrade_database(site.config)
    said = str(standing(site.config)) + str(dry_night(site.config)).replace(str(site.archive), "")
    assert [word for word in NEVER if word in said] == []
