"""A rolled-back release never comes back by itself: only `resume` or a release id
that was not rolled back clears it."""
import os

from support.weir import binary, run_weir, settings

PLAN = "10% 10m, 100%"


def plan(shop_arms, release="r1", name="shop"):
    text = settings(*shop_arms, stages=PLAN, route={"release": release})
    return text.replace("[route shop]", f"[route {name}]")


def arms(upstream):
    return upstream("legacy"), upstream("canary")


def state(running, name="shop"):
    return next(r for r in running.status()["routes"] if r["name"] == name)


def rolled_back(weir, text):
    running = weir(text)
    running.cli("rollback", "shop", "--why", "it is broken")
    assert state(running)["state"] == "rolled_back"
    return running


def test_going_back_to_a_rolled_back_release_by_reload_keeps_it_out(weir, upstream):
    both = arms(upstream)
    running = rolled_back(weir, plan(both))
    running.reload(plan(both, "r2"))
    assert state(running)["weight_ppm"] == 100000
    running.reload(plan(both))
    assert (state(running)["state"], state(running)["weight_ppm"]) == ("rolled_back", 0)


def test_taking_the_route_out_and_putting_it_back_keeps_it_out(weir, upstream):
    both = arms(upstream)
    running = rolled_back(weir, plan(both))
    running.reload(plan(both, name="other"))
    running.reload(plan(both))
    assert (state(running)["state"], state(running)["weight_ppm"]) == ("rolled_back", 0)


def test_taking_the_canary_out_and_putting_it_back_keeps_it_out(weir, upstream):
    both = arms(upstream)
    running = rolled_back(weir, plan(both))
    running.reload(settings(both[0]))
    running.reload(plan(both))
    assert (state(running)["state"], state(running)["weight_ppm"]) == ("rolled_back", 0)


def test_a_restart_keeps_it_out(weir, upstream):
    both = arms(upstream)
    running = rolled_back(weir, plan(both))
    running.restart()
    assert (state(running)["state"], state(running)["weight_ppm"]) == ("rolled_back", 0)
    assert "it is broken" in state(running)["reason"]


def test_resume_clears_it_for_good(weir, upstream):
    both = arms(upstream)
    running = rolled_back(weir, plan(both))
    running.cli("resume", "shop")
    running.reload(plan(both, "r2"))
    running.reload(plan(both))
    assert state(running)["weight_ppm"] == 100000
    running.restart()
    assert state(running)["weight_ppm"] == 100000


def test_a_new_release_begins_by_its_plan(weir, upstream):
    both = arms(upstream)
    running = rolled_back(weir, plan(both))
    running.reload(plan(both, "r2"))
    assert (state(running)["state"], state(running)["weight_ppm"]) == ("running", 100000)


def test_a_restart_from_another_directory_keeps_it_out(weir, upstream, tmp_path, monkeypatch):
    monkeypatch.setenv("WEIR_BIN", os.path.abspath(binary()))
    running = weir(plan(arms(upstream)), weir={"state_dir": "state", "admin_socket": "admin.sock"})
    monkeypatch.chdir(tmp_path)
    done = run_weir("rollback", "shop", "--config", running.config)
    assert done.returncode == 0, done.stderr
    running.restart()
    assert (state(running)["state"], state(running)["weight_ppm"]) == ("rolled_back", 0)
    done = run_weir("journal", "--config", running.config)
    assert "rollback" in done.stdout, done.stderr
    assert not list(tmp_path.iterdir())
