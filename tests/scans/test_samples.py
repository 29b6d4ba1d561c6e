from scans import samples
from scans.decoder import DECODERS


def test_this_installation_decodes_a_sample_of_each_compressed_syntax():
    found = samples.decode_samples()
    assert found == dict.fromkeys(found, True)
    assert len(found) == 14


def test_a_sample_that_does_not_decode_is_told(monkeypatch):
    name, bits, text = samples.CODESTREAMS["1.2.840.10008.1.2.4.80"]
    broken = {"1.2.840.10008.1.2.4.80": (name, bits, text[:40])}
    monkeypatch.setattr(samples, "CODESTREAMS", broken)
    monkeypatch.setattr(samples, "SAME", {})
    assert samples.decode_samples() == {name: False}


def test_every_syntax_that_has_a_decoder_has_a_sample():
    assert {uid for uid, *_ in samples.samples()} == set(DECODERS)
