"""What `show` says."""


def test_a_job_without_a_result_says_where_to_look(fails, empty_folder):
    job = empty_folder / "mlruns" / "jobs" / "abc123"
    job.mkdir(parents=True)
    told = fails("show", "last")
    assert "The job abc123 has no result" in told
    assert "autoproc tune --config" in told
    (job / "result.json").write_text("{", encoding="utf-8")
    assert "cannot be read" in fails("show", "last")
