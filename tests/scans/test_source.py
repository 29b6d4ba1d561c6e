from dataclasses import replace

import pytest

from scans.source import Source, source_of

SR = "1.2.840.10008.5.1.4.1.1.88.11"


def test_a_series_is_of_the_machine_of_most_of_its_images(make_header):
    one, two = make_header(manufacturer="Maker", model="One"), make_header(manufacturer="Maker", model="Two")
    assert source_of([one, two, two]) == (Source(one.modality, "Maker", "Two"), 1)
    assert source_of([two, one])[0].model == "One"  # of equally many the first by name, in whatever order


def test_reports_do_not_say_what_a_series_of_images_is(make_header):
    image, report = make_header(modality="CT"), make_header(modality="SR", sop_class_uid=SR)
    assert source_of([report, report, image])[0].modality == "CT"
    assert source_of([report])[0].modality == ""  # a report has none of the modalities of images


@pytest.mark.parametrize("field", ["manufacturer", "model"])
def test_a_text_that_names_the_person_is_left_out(make_header, field):
    said = make_header(**{field: "bought for Mustermann"})
    named = replace(said, identity=replace(said.identity, name="Mustermann^Erika"))
    assert getattr(source_of([said])[0], field) == "bought for Mustermann"
    assert getattr(source_of([named])[0], field) == ""


@pytest.mark.parametrize(("said", "known"), [("MR", "MR"), ("", ""), ("MUELLER", ""), ("mr", "")])
def test_a_modality_is_one_of_the_standard_or_none(make_header, said, known):
    assert source_of([make_header(modality=said)])[0].modality == known
