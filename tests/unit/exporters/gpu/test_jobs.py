import os

from watchdog.exporters.gpu.jobs import read_jobs


def test_files_named_like_gpus_map_to_jobs(tmp_path):
    (tmp_path / "0").write_text("123\n124\n\n123\n")
    (tmp_path / "1.7").write_text(" 125 \r\n")
    (tmp_path / "2").write_text("")
    (tmp_path / "notes.txt").write_text("126\n")
    (tmp_path / "3.").write_text("127\n")
    (tmp_path / "4").mkdir()
    assert read_jobs(tmp_path) == {"0": ("123", "124"), "1.7": ("125",)}


def test_a_missing_folder_maps_nothing(tmp_path):
    assert read_jobs(tmp_path / "none") == {}


def test_strange_contents_stay_small(tmp_path):
    (tmp_path / "0").write_bytes(b"\xff" * 10 + b"\n" + b"x" * 1_000_000)
    assert all(len(job) <= 64 for job in read_jobs(tmp_path)["0"])


def test_a_file_that_vanishes_is_no_job(tmp_path):
    os.symlink(tmp_path / "gone", tmp_path / "0")
    assert read_jobs(tmp_path) == {}
