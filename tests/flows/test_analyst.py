"""An analyst's account of PostgreSQL: a second login that reads core and nothing of identity, also after an upgrade."""

import pytest
from nights import run
from sqlalchemy import make_url, text

from db.engine import open_db
from db.errors import DatabaseError
from db.grants import grant_analyst, revoke_analyst
from db.migrate import check, upgrade
from db.tables import IDENTITY, Base
from db.views import VIEWS
from flows.site.opened import forget_opened

ROLE = 'Dr "A": 10 % o\'Neill'


@pytest.fixture
def sql(postgres):
    """Run statements as the owner; accounts that the test makes are dropped at its end."""
    url, roles = postgres(), []
    upgrade(url)

    def run_all(*statements):
        db = open_db(url, must_be_current=False)
        with db.write() as connection:
            for statement in statements:
                connection.execute(text(statement.replace(":", "\\:")))
        db.close()

    def role(name, options="LOGIN"):
        run_all(f"CREATE ROLE {quoted(name)} {options}")
        roles.append(name)
        return name

    run_all.url, run_all.role = url, role
    yield run_all
    for name in roles:
        run_all(f"DROP OWNED BY {quoted(name)}", f"DROP ROLE {quoted(name)}")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def as_role(url, name):
    """The address under which somebody else logs in."""
    return make_url(url).set(username=name).render_as_string(hide_password=False)


def granted(sql, name=ROLE):
    db = open_db(sql.url)
    grant_analyst(db, sql.role(name))
    db.close()
    return as_role(sql.url, name)


def may_read(url, statement):
    db = open_db(url)
    try:
        with db.read() as connection:
            connection.execute(text(statement)).all()
        return True
    except Exception as error:
        assert "permission denied" in str(error)
        return False
    finally:
        db.close()


def test_an_analyst_reads_core_and_views_and_nothing_of_identity(sql):
    url = granted(sql)
    for table in Base.metadata.sorted_tables:
        if table.schema == IDENTITY:
            assert not may_read(url, f"SELECT count(*) FROM identity.{table.name}")
        elif table.name not in ("embedding", "verdict"):
            assert may_read(url, f'SELECT * FROM "{table.name}"'), table.name
    assert all(may_read(url, f"SELECT * FROM {view.name}") for view in VIEWS)
    db = open_db(url)
    for write in ("DELETE FROM lease", "CREATE TABLE x (y INT)", "UPDATE night SET state = 'failed'"):
        with pytest.raises(Exception, match="permission denied"), db.write() as connection:
            connection.execute(text(write))
    db.close()


def test_vectors_and_remarks_are_held_back_from_an_analyst(sql):
    url = granted(sql)
    assert may_read(url, "SELECT scan, encoder, dim, device FROM embedding")
    assert may_read(url, "SELECT verdict FROM verdict")
    assert not may_read(url, "SELECT vector FROM embedding")
    assert not may_read(url, "SELECT note FROM verdict")


@pytest.mark.parametrize("way", ["in place", "anew"])
def test_rights_survive_an_upgrade_and_reach_new_views(sql, way):
    url = granted(sql)
    sql.role("other")
    sql("GRANT SELECT ON night_summary TO other WITH GRANT OPTION",
        'GRANT SELECT ("match") ON match_for_review TO other',
        f"REVOKE SELECT ON active_encoder FROM {quoted(ROLE)}", "DROP VIEW study_match")  # fmt: skip
    if way == "anew":  # PostgreSQL renames no column of a view that it replaces
        sql("ALTER VIEW night_summary RENAME COLUMN state TO former")
    upgrade(sql.url)
    assert check(sql.url) == []
    assert all(may_read(url, f"SELECT * FROM {view.name}") for view in VIEWS)
    db = open_db(sql.url)
    with db.read() as connection:
        asked = "SELECT has_table_privilege('other', 'night_summary', 'SELECT WITH GRANT OPTION')"
        assert connection.scalar(text(asked))
        asked = "SELECT has_column_privilege('other', 'match_for_review', 'match', 'SELECT')"
        assert connection.scalar(text(asked))
        assert not connection.scalar(text("SELECT has_table_privilege('other', 'match_for_review', 'SELECT')"))
    db.close()


def test_what_others_built_on_a_view_survives_or_is_named(sql):
    sql("CREATE VIEW of_theirs AS SELECT night, state FROM night_summary", "COMMENT ON VIEW night_summary IS 'older'")
    upgrade(sql.url)
    assert check(sql.url) == []
    sql("SELECT * FROM of_theirs", "ALTER VIEW night_summary RENAME COLUMN state TO former")
    with pytest.raises(DatabaseError, match="of_theirs"):
        upgrade(sql.url)


def test_rights_that_were_taken_from_everybody_do_not_come_back(sql):
    sql.role("other")
    sql("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO other", "GRANT SELECT ON night_summary TO other",
        "REVOKE SELECT ON night_summary FROM other", "GRANT SELECT ON night_summary TO PUBLIC",
        "ALTER VIEW night_summary RENAME COLUMN state TO former")  # fmt: skip
    upgrade(sql.url)
    db = open_db(sql.url)
    with db.read() as connection:
        acl = connection.scalar(text("SELECT relacl::text FROM pg_class WHERE relname = 'night_summary'"))
    db.close()
    assert "other" not in acl
    assert "=r/" in acl
    sql("ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM other")


@pytest.mark.parametrize("options", ["SUPERUSER", "IN ROLE reader"])
def test_an_account_that_may_read_identity_becomes_no_analyst(sql, options):
    sql.role("reader")
    sql("GRANT USAGE ON SCHEMA identity TO reader")
    db = open_db(sql.url)
    with pytest.raises(DatabaseError, match="may read the schema identity"):
        grant_analyst(db, sql.role("strong", options))
    with pytest.raises(DatabaseError, match=r"CREATE ROLE \"nobody\""):
        grant_analyst(db, "nobody")
    db.close()


def test_rights_can_be_taken_back_and_do_not_come_with_the_next_upgrade(sql):
    url = granted(sql)
    db = open_db(sql.url)
    revoke_analyst(db, ROLE)
    with pytest.raises(DatabaseError, match="no analyst here"):
        revoke_analyst(db, ROLE)
    db.close()
    sql("DROP VIEW study_match")
    upgrade(sql.url)
    with pytest.raises(DatabaseError, match="permission denied"):
        open_db(url)


def test_on_sqlite_the_command_says_what_to_do_instead(make_site, call):
    code, out, err = call("db", "grant-analyst", "me", "--config", make_site().config)
    assert (code, out) == (5, "")
    assert "scantwin export" in err


def test_an_analysts_own_commands_work_or_say_what_is_missing(make_site, hospital, sql, call, tmp_path, monkeypatch):
    site = make_site(url=sql.url)
    hospital.deliver(site.archive)
    run(site)
    with site.db.read() as connection:
        scan = connection.scalar(text("SELECT key FROM scan WHERE is_main AND state = 'accepted' ORDER BY key LIMIT 1"))
    assert call("db", "grant-analyst", sql.role(ROLE), "--config", site.config)[0] == 0
    monkeypatch.setenv("SCANTWIN_DB__URL", as_role(sql.url, ROLE))
    forget_opened()
    config = ["--config", site.config]
    for words in (["export", "--out", tmp_path / "out"], ["similar", scan], ["status"], ["encoders"]):
        code, _, err = call(*words, *config)
        assert (code, err) == (0, ""), words
    for words in (["files"], ["similar", "--accession", "A1"], ["night"], ["db", "grant-analyst", ROLE],
                  ["verdict", "1", "relevant", "--by", "me"], ["db", "rotate-secret"], ["forget", "P1", "--yes"],
                  ["patients", "conflicts"]):  # fmt: skip
        code, _, err = call(*words, *config)
        assert code == 5, (words, err)
        assert "permission denied" in err, words
        assert len(err.strip().splitlines()) == 1
    forget_opened()
