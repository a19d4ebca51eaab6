"""On a host with polkit, whose tenants are no more at the mercy of its users than on one without."""

from collections.abc import Callable

from tests.host.harness.host import Host
from tests.host.inside.test_machined import (
    DENIED,
    MANAGER,
    OBJECT,
    TAKEN,
    USER,
    by_command,
    over_dbus,
    over_varlink,
)

from .test_crash import commit, settled, setup, wait_until

RULES = "/etc/polkit-1/rules.d/10-ordinary.rules"
# An operator who lets somebody do everything with machines: that it is polkit who decides is seen from this.
LETS = """polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.freedesktop.machine1.") == 0 && subject.user == "ordinary")
        return polkit.Result.YES;
});
"""


def test_polkit_lets_no_user_do_anything_to_a_workload(make_host: Callable[..., Host]) -> None:
    host = make_host(packages=("polkitd",))
    host.boot()
    setup(host)
    commit(host, "one")
    host.run(["bbhv", "sync"], timeout=120)
    wait_until("the tenant is up", lambda: settled(host))
    host.run(["useradd", "--no-create-home", USER])
    version = int(host.run(["systemctl", "--version"]).stdout.split()[1].partition(".")[0])
    unit = "tenant-container@web.acme.service"
    calls = [*over_dbus("web.acme"), *over_varlink("web.acme", version), *by_command("web.acme", unit)]

    def ordinary(argv: list[str]) -> tuple[int, str]:
        done = host.run(["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", *argv], check=False)
        return done.returncode, f"{done.stdout}{done.stderr}"

    def state() -> str:
        units = host.run(["systemctl", "show", "--property=InvocationID,MainPID,ActiveState,NRestarts", unit]).stdout
        return units + host.run(["machinectl", "show", "web.acme"]).stdout

    before = state()
    said = {" ".join(argv): ordinary(argv) for argv in calls}
    assert host.run(["systemctl", "is-active", "polkit.service"]).stdout == "active\n", "it was asked"
    passed = {argv: found for argv, found in said.items() if not found[0] or not any(w in found[1] for w in DENIED)}
    assert passed == {} and state() == before and not host.path(TAKEN).exists()
    # What it refuses is what it could allow: somebody who may, continues what was never stopped.
    words = ["KillMachine", "ssi", "web.acme", "leader", "18"]
    goes_on = ["busctl", "call", "--quiet", "org.freedesktop.machine1", OBJECT, MANAGER, *words]
    assert ordinary(goes_on)[0] != 0
    host.put(RULES, LETS)
    host.run(["systemctl", "restart", "polkit.service"])
    assert ordinary(goes_on) == (0, "")
    assert state() == before
