from pipeline import host_memory


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(str(text))


def test_the_tightest_control_group_counts(tmp_path):
    statistics = "anon 5\ninactive_file 300\n"
    write(tmp_path / "job", memory__max=8000, memory__current=1000, memory__stat=statistics)
    write(tmp_path / "job/step", memory__max="max", memory__current=1, memory__stat=statistics)
    assert host_memory._group_memory(tmp_path, "/job/step") == 8000 - 1000 + 300
    write(tmp_path, memory__max=5000, memory__current=2000, memory__stat="")
    assert host_memory._group_memory(tmp_path, "/job/step") == 3000


def test_control_groups_of_version_1(tmp_path):
    names = {"memory__usage_in_bytes": 100, "memory__stat": "total_inactive_file 7\n"}
    write(tmp_path / "memory", memory__limit_in_bytes=2**62, **names)
    assert host_memory._group_memory(tmp_path, "/") is None
    write(tmp_path / "memory", memory__limit_in_bytes=900, **names)
    assert host_memory._group_memory(tmp_path, "/") == 807


def test_no_control_group(tmp_path):
    assert host_memory._group_memory(tmp_path, "/a/b") is None


def test_the_least_that_is_known_counts(monkeypatch):
    monkeypatch.setattr(host_memory, "_system_memory", lambda: 900)
    monkeypatch.setattr(host_memory, "_group_memory", lambda: 500)
    assert host_memory.available() == 500
    monkeypatch.setattr(host_memory, "_group_memory", lambda: None)
    assert host_memory.available() == 900
    monkeypatch.setattr(host_memory, "_system_memory", lambda: None)
    assert host_memory.available() is None


def test_limits_do_not_depend_on_what_is_used(tmp_path, monkeypatch):
    write(tmp_path / "job", memory__max=8000, memory__current=7000, memory__stat="")
    write(tmp_path / "job/step", memory__max="max", memory__current=1, memory__stat="")
    assert host_memory._group_limit(tmp_path, "/job/step") == 8000
    write(tmp_path / "memory", memory__limit_in_bytes=900)
    assert host_memory._group_limit(tmp_path, "/job/step") == 900
    assert host_memory._group_limit(tmp_path / "job/step", "/a/b") is None
    monkeypatch.setattr(host_memory, "_group_limit", lambda: 700)
    assert host_memory.total() == 700
    monkeypatch.setattr(host_memory, "_group_limit", lambda: None)
    found = host_memory.total()
    assert found is None or found >= (host_memory.available() or 0)


def test_bytes_are_readable():
    assert [host_memory.byte_size(n) for n in (0, 248_000, 58_889_256, 31.4e9, 149e9)] == [
        "0 kB",
        "248 kB",
        "58.9 MB",
        "31.4 GB",
        "149 GB",
    ]
