"""Lines without rows are struck; nothing else is."""

from __future__ import annotations

from pathlib import Path

from pipeline.embedded.clickhouse.repair import repair, unfounded


def table(root: Path, parts: list[str], log: str) -> Path:
    folder = root / "store" / "abc" / "abc-1"
    for part in parts:
        (folder / part).mkdir(parents=True)
    logs = folder / "deduplication_logs"
    logs.mkdir(parents=True)
    (logs / "deduplication_log_1.txt").write_text(log)
    return logs / "deduplication_log_1.txt"


def test_a_line_whose_part_is_not_there_is_struck(tmp_path: Path) -> None:
    log = table(tmp_path, ["all_1_1_0"], "1\tall_1_1_0\tk1\n1\tall_2_2_0\tk2\n")
    assert repair(tmp_path) == 1
    assert log.read_text() == "1\tall_1_1_0\tk1\n"


def test_a_merged_part_covers_its_sources_of_its_own_partition_only(tmp_path: Path) -> None:
    lines = "1\t20260101_1_1_0\tk1\n1\t20260101_2_2_0\tk2\n1\t20260102_2_2_0\tk3\n"
    log = table(tmp_path, ["20260101_1_2_1", "tmp_insert_20260102_2_2_0", "detached"], lines)
    assert repair(tmp_path) == 1
    assert "k3" not in log.read_text()


def test_a_mutated_part_counts(tmp_path: Path) -> None:
    table(tmp_path, ["all_1_1_0_7"], "1\tall_1_1_0\tk1\n")
    assert repair(tmp_path) == 0


def test_a_line_cut_short_by_the_kill_is_struck_and_drops_stay(tmp_path: Path) -> None:
    log = table(tmp_path, ["all_1_1_0"], "2\tall_9_9_0\tk9\n1\tall_1_1_0\tk1\n1\tall_1_")
    assert repair(tmp_path) == 1
    assert log.read_text() == "2\tall_9_9_0\tk9\n1\tall_1_1_0\tk1\n"


def test_a_folder_that_is_not_there_yet_needs_nothing(tmp_path: Path) -> None:
    assert repair(tmp_path / "new") == 0


def test_while_the_engine_works_a_line_without_its_part_is_seen_and_left_alone(tmp_path: Path) -> None:
    log = table(tmp_path, ["all_1_1_0"], "1\tall_1_1_0\tk1\n1\tall_2_2_0\tk2\n1\tall_3_")
    before = log.read_text()
    assert unfounded(tmp_path) == {(log, "1\tall_2_2_0\tk2\n"), (log, "1\tall_3_")}
    assert log.read_text() == before


def test_the_line_of_a_part_that_was_dropped_is_no_token_without_rows(tmp_path: Path) -> None:
    table(tmp_path, ["all_1_1_0"], "1\tall_1_1_0\tk1\n1\tall_2_2_0\tk2\n2\tall_2_2_0\tk2\n")
    assert unfounded(tmp_path) == set()
