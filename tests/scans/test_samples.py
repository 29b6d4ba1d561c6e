from scans import samples


def test_this_installation_decodes_a_sample_of_each_compressed_syntax():
    found = samples.decode_samples()
    assert found == dict.fromkeys(found, True)
    assert len(found) == 6


def test_a_sample_that_does_not_decode_is_told(monkeypatch):
    name, bits, text = samples.CODESTREAMS["1.2.840.10008.1.2.4.80"]
    broken = {"1.2.840.10008.1.2.4.80": (name, bits, text[:40])}
    monkeypatch.setattr(samples, "CODESTREAMS", broken)
    assert samples.decode_samples() == {name: False}
