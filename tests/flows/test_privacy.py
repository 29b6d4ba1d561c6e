"""Promise 8: identity stays in its schema, whatever a night writes."""

import gzip
import logging
from dataclasses import asdict

import pandas as pd
import pydicom
import pytest
from nights import run
from PIL import Image
from pydicom.datadict import DicomDictionary
from sqlalchemy import select

from db.base import IDENTITY, Base
from db.tables import Scan
from flows import cli
from flows.night.run import dry_night
from flows.operator.new_site import upgrade_database
from flows.operator.status import standing
from flows.site.opened import open_site
from scans.header import read_header
from scans.passport import projection_passport

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
    said = str(standing(open_site(site.config))) + str(dry_night(site.config)).replace(str(site.archive), "")
    assert [word for word in NEVER if word in said] == []


TEXTS = {"LO": "CANARY DOE", "SH": "CANARY DOE", "ST": "CANARY DOE", "LT": "CANARY DOE", "UT": "CANARY DOE",
         "UC": "CANARY DOE", "PN": "CANARY^DOE", "AE": "CANARY", "CS": "CANARY", "UI": "1.2.777.99",
         "DA": "19710317"}  # fmt: skip
NEEDED = {  # character set; dates of the scan itself; what its values are; a part of another object
    0x00080005, 0x00080022, 0x00080023, 0x00080021, 0x00080012, 0x00281054, 0x00209161,
}  # fmt: skip


def in_every_tag(path):
    """Put a canary into every text, code, UID and date that the file does not need, and into private ones."""
    ds = pydicom.dcmread(path)
    present = {int(element.tag) for element in ds}
    for number, (vr, vm, *_) in DicomDictionary.items():
        if number >> 16 in (0, 2) or number & 0xFFFF == 0 or number in present | NEEDED or vm.startswith("0"):
            continue
        if vr in TEXTS:
            ds.add_new(number, vr, TEXTS[vr])
    ds.ImageType = ["ORIGINAL", "PRIMARY", "CANARY"]
    ds.Manufacturer, ds.ManufacturerModelName, ds.ConvolutionKernel = "CANARY DOE", "for CANARY", "CANARYKERNEL"
    block = ds.private_block(0x0011, "CANARY MAKER", create=True)
    block.add_new(0x01, "LO", "CANARY private")
    ds.BurnedInAnnotation = "NO"
    ds.save_as(path)


def with_bad_ones(write_dicom, site):
    """The planted archive with canaries in every tag, and files that fail in every later step."""
    planted(write_dicom, site.archive)
    for number in range(4):
        in_every_tag(site.archive / f"CANARY^NAME-{number}.dcm")
    whole = pydicom.dcmread(site.archive / "CANARY^NAME-0.dcm")
    for number, changes in enumerate((
        {"Rows": 0}, {"PhotometricInterpretation": "CANARY"}, {"SOPClassUID": "1.2.777.7"}, {"RescaleSlope": 0},
        {"BitsStored": 40}, {"SOPInstanceUID": ""},
    )):  # fmt: skip
        whole.SOPInstanceUID = whole.SeriesInstanceUID = f"1.2.777.50.{number}"
        kept = {name: getattr(whole, name) for name in changes}
        for name, value in changes.items():
            setattr(whole, name, value)
        whole.save_as(site.archive / f"CANARY-bad-{number}")
        for name, value in kept.items():
            setattr(whole, name, value)
    whole.SOPInstanceUID = whole.SeriesInstanceUID = "1.2.777.60"
    whole.file_meta.TransferSyntaxUID = "1.2.777.5"
    whole.save_as(site.archive / "CANARY-syntax", implicit_vr=False, little_endian=True, enforce_file_format=False)
    (site.archive / "CANARY-link").symlink_to("/CANARY")
    (site.archive / "CANARY-folder").mkdir()
    (site.archive / "CANARY-folder" / "CANARY.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"CANARY" * 99)


def contents(folder):
    """Name and everything that can be read of every file, but of the schema identity's own."""
    for path in folder.rglob("*"):
        yield path.name, str(path.relative_to(folder)).encode()
        if not path.is_file() or "-identity" in path.name:
            continue
        yield path.name, path.read_bytes()
        if path.suffix == ".gz":
            yield path.name, gzip.decompress(path.read_bytes())
        elif path.suffix == ".parquet":
            yield path.name, pd.read_parquet(path).to_csv().encode()
        elif path.suffix == ".png":
            yield path.name, repr(Image.open(path).info).encode()


def leaks(*folders):
    return sorted({(name, word) for folder in folders for name, content in contents(folder) for word in NEVER
                   if word.lower().encode() in content.lower()})  # fmt: skip


def test_canaries_in_every_tag_name_and_error_reach_no_file_row_log_or_answer(
    make_site, write_dicom, tmp_path, caplog, capsys, recwarn
):
    site = make_site()
    caplog.set_level(logging.DEBUG)
    with_bad_ones(write_dicom, site)
    caplog.clear(), recwarn.clear(), capsys.readouterr()
    summary = run(site)
    assert summary.files["used"] == 4
    assert summary.files["quarantined"] >= 6
    with site.db.read() as connection:
        scan = connection.scalar(select(Scan.key).where(Scan.is_main))
        rows = {table.fullname: repr(connection.execute(select(table)).all()) for table in Base.metadata.sorted_tables
                if table.schema != IDENTITY}  # fmt: skip
    assert [(name, word) for name, row in rows.items() for word in NEVER if word in row] == []
    out = tmp_path / "out"
    config = ["--config", str(site.config)]
    for words in (["export", "--out", str(out / "p")], ["export", "--out", str(out / "c"), "--format", "csv"],
                  ["similar", scan, "--page", str(out / "page.html"), "--json"], ["status", "--json"], ["status"],
                  ["match", "--verify", "--json"], ["night", "--dry-run"], ["doctor", "--json"],
                  ["similar", "--study", "1.2.777.404"], ["similar", "--accession", "CANARYACC404"],
                  ["forget", "CANARY-ID404", "--yes"]):  # fmt: skip
        with pytest.raises(SystemExit):
            cli.main([*words, *config])
    said = capsys.readouterr()
    spoken = said.out + said.err + caplog.text + str(asdict(summary)) + "".join(str(w.message) for w in recwarn)
    assert [word for word in NEVER if word.lower() in spoken.lower()] == []
    site.db.close()
    assert leaks(site.store, out) == []
    assert any(word.encode() in (site.store / "scantwin-identity.sqlite").read_bytes() for word in NEVER)


@pytest.mark.prefect
def test_a_night_through_prefect_leaves_no_canary_in_its_database_logs_or_artifacts(make_site, write_dicom, capfd):
    site = make_site(on_failure='["/bin/false"]')
    with_bad_ones(write_dicom, site)
    capfd.readouterr()
    with pytest.raises(SystemExit) as left:
        cli.main(["night", "--json", "--config", str(site.config)])
    assert left.value.code == 3
    said = capfd.readouterr()
    assert [word for word in NEVER if word.lower() in (said.out + said.err).lower()] == []
    site.db.close()
    assert list((site.store / "prefect").rglob("*.db"))
    assert leaks(site.store) == []


def test_a_technical_text_that_repeats_a_name_is_left_out_and_others_stay(write_dicom, tmp_path):
    names = {"patient": "7", "study": "1.2.3", "series": "1.2.3.1", "instance": "1.2.3.1.1", "date": "20200101"}
    path = write_dicom(tmp_path / "x", **names, PatientName="Kern^Maria", ConvolutionKernel="Kernel Maria",
                       Manufacturer="Maker of kernels", ManufacturerModelName="KERN 3")  # fmt: skip
    passport = projection_passport(read_header(path))
    assert (passport.kernel, passport.model, passport.manufacturer) == ("", "", "Maker of kernels")


def test_a_scan_with_burned_in_text_has_no_picture_unless_the_site_allows_it(make_site, write_dicom):
    names = {"patient": "P1", "study": "1.2.3", "series": "1.2.3.1", "instance": "1.2.3.1.1", "date": "20200101"}
    site = make_site()
    write_dicom(site.archive / "x", **names, BurnedInAnnotation="YES")
    run(site)
    pictures = site.store / "pictures"
    assert not list(pictures.rglob("*.png"))
    for allowed in ("true", "false"):
        text = site.config.read_text()
        other = {"true": "false", "false": "true"}[allowed]
        site.config.write_text(text.replace(f"pictures_of_burned_in = {other}", f"pictures_of_burned_in = {allowed}"))
        from flows.site.opened import open_site

        run(open_site(site.config))
        assert bool(list(pictures.rglob("*.png"))) is (allowed == "true")
