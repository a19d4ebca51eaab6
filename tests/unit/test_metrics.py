"""Metrics: every text is one that a strict reader of OpenMetrics takes, and has no more in it than it may."""

import math
import re
from dataclasses import dataclass, field

import pytest

from bbhv.formats.openmetrics import Family, Sample, Type, render
from bbhv.model.metrics import HEALTH, MAX_WORKLOADS, TENANT, VERBS, WORDS, WORKLOAD, HostNow, TenantNow, families
from bbhv.model.registration import Grants
from bbhv.model.usage import Measured, OfTenant, OfWorkload

from .test_usage import FOUND, GRANTS

NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}(?:,|(?=\}})))*)\}})? (\S+)")
SUFFIXES = {"counter": ("_total",), "info": ("_info",), "gauge": ("",), "stateset": ("",)}
Labels = tuple[tuple[str, str], ...]


@dataclass
class Read:
    """A family as it was read."""

    type: str
    unit: str = ""
    help: str = ""
    samples: dict[Labels, float] = field(default_factory=dict)


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


def read(text: str) -> dict[str, Read]:
    """A strict reader of the part of OpenMetrics 1.0 that is written: families are not interleaved, descriptions come
    before series, each series is there once, and nothing comes after the end."""
    assert text.endswith("\n# EOF\n") or text == "# EOF\n"
    found: dict[str, Read] = {}
    current = ""
    for line in text.split("\n")[:-2]:
        if descriptor := re.fullmatch(rf"# (TYPE|UNIT|HELP) ({NAME}) (.+)", line):
            what, name, value = descriptor.groups()
            if name != current:
                assert name not in found and what == "TYPE", line
                found[name], current = Read(value), name
                assert value in SUFFIXES
            one = found[name]
            assert not one.samples, line
            if what == "UNIT":
                assert not one.unit and name.endswith(f"_{value}")
                one.unit = value
            if what == "HELP":
                assert not one.help and re.fullmatch(r'(?:[^\\]|\\[n"\\])*', value)
                one.help = unescaped(value)
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample and current, line
        one = found[current]
        assert sample[1] in {f"{current}{suffix}" for suffix in SUFFIXES[one.type]}, line
        labels: Labels = tuple((name, unescaped(value)) for name, value in re.findall(LABEL, sample[2] or ""))
        assert labels not in one.samples and len(dict(labels)) == len(labels), line
        value_read = float(sample[5])
        assert math.isfinite(value_read)
        assert one.type != "stateset" or (current in dict(labels) and value_read in (0, 1))
        assert one.type != "info" or value_read == 1
        assert one.type != "counter" or value_read >= 0
        one.samples[labels] = value_read
    assert all(one.samples and one.help for one in found.values())
    return found


# The text


def test_a_family_is_written_as_the_specification_says() -> None:
    text = render([
        Family(name="a_bytes", type=Type.GAUGE, help="Room.", unit="bytes",
               samples=(Sample(5), Sample(0.5, (("t", "x"),)))),
        Family(name="b_seconds", type=Type.COUNTER, help="Time.", unit="seconds", samples=(Sample(1.25),)),
        Family(name="c", type=Type.INFO, help="It.", samples=(Sample(1, (("version", "1"),)),)),
        Family(name="nobody", type=Type.GAUGE, help="Nothing."),
    ])  # fmt: skip
    assert text == (
        '# TYPE a_bytes gauge\n# UNIT a_bytes bytes\n# HELP a_bytes Room.\na_bytes 5\na_bytes{t="x"} 0.5\n'
        "# TYPE b_seconds counter\n# UNIT b_seconds seconds\n# HELP b_seconds Time.\nb_seconds_total 1.25\n"
        '# TYPE c info\n# HELP c It.\nc_info{version="1"} 1\n# EOF\n'
    )
    assert set(read(text)) == {"a_bytes", "b_seconds", "c"}
    assert render([]) == "# EOF\n"


ODD = 'a"b\\c\nd{},= \\n é\U0001f98a'


def test_no_text_can_end_its_line_or_its_quotes() -> None:
    one = Family(name="a", type=Type.GAUGE, help=ODD, samples=(Sample(1, (("x", ODD), ("y", ""))),))
    found = read(render([one]))["a"]
    assert found.samples == {(("x", ODD), ("y", "")): 1.0} and found.help == ODD


@pytest.mark.parametrize("wrong", [
    Family(name="a-b", type=Type.GAUGE, help="x", samples=(Sample(1),)),
    Family(name="", type=Type.GAUGE, help="x", samples=(Sample(1),)),
    Family(name="1a", type=Type.GAUGE, help="x", samples=(Sample(1),)),
    Family(name="a", type=Type.GAUGE, help="x", unit="bytes", samples=(Sample(1),)),
    Family(name="a", type=Type.GAUGE, help="x", samples=(Sample(1, (("x y", "1"),)),)),
    Family(name="a", type=Type.GAUGE, help="x", samples=(Sample(1), Sample(2))),
    Family(name="a", type=Type.GAUGE, help="x", samples=(Sample(math.nan),)),
    Family(name="a", type=Type.GAUGE, help="x", samples=(Sample(math.inf),)),
    Family(name="a", type=Type.COUNTER, help="x", samples=(Sample(-1),)),
    Family(name="a", type=Type.STATESET, help="x", samples=(Sample(2, (("a", "x"),)),)),
])  # fmt: skip
def test_what_no_reader_takes_is_not_written(wrong: Family) -> None:
    with pytest.raises(ValueError):
        render([wrong])


# What is told


def tenant(name: str, workloads: int = 1) -> TenantNow:
    every = tuple(OfWorkload(f"w{number}", "container", FOUND) for number in range(workloads))
    return TenantNow(
        usage=OfTenant(id=name, measured=FOUND, storage=5, grants=GRANTS, workloads=every), outcome="rolled-back",
        generation=8, good=7, quarantined=2, drift=1, held="rollback", healths={"healthy": 1, "unhealthy": 2},
        sync_age=3.5, success_age=70.0,
    )  # fmt: skip


def test_a_tenant_is_told_with_its_numbers() -> None:
    now = HostNow(version="1.2", tenants=[tenant("acme")], generator_seconds=0.05, sync_seconds=2.5, sync_age=60.0,
                  denied={"_host": 3})  # fmt: skip
    found = read(render(families(now)))
    of_acme = {name: one.samples[(("tenant", "acme"),)] for name, one in found.items()
               if (("tenant", "acme"),) in one.samples}
    assert of_acme == {
        "bitbuilder_tenant_memory_bytes": 12345678, "bitbuilder_tenant_memory_peak_bytes": 23456789,
        "bitbuilder_tenant_memory_granted_bytes": 4 << 30, "bitbuilder_tenant_cpu_seconds": 1.234567,
        "bitbuilder_tenant_granted_cpus": 1.5, "bitbuilder_tenant_tasks": 7, "bitbuilder_tenant_granted_tasks": 4096,
        "bitbuilder_tenant_storage_bytes": 5, "bitbuilder_tenant_storage_granted_bytes": 20 << 30,
        "bitbuilder_tenant_io_read_bytes": 111, "bitbuilder_tenant_io_written_bytes": 23,
        "bitbuilder_tenant_sync_age_seconds": 3.5, "bitbuilder_tenant_success_age_seconds": 70,
        "bitbuilder_tenant_generation": 8, "bitbuilder_tenant_good_generation": 7,
        "bitbuilder_tenant_quarantined_commits": 2, "bitbuilder_tenant_drift": 1,
    }  # fmt: skip
    states = {dict(labels)["bitbuilder_tenant_outcome"]: value
              for labels, value in found["bitbuilder_tenant_outcome"].samples.items()}
    assert states == {**dict.fromkeys(WORDS, 0.0), "rolled-back": 1.0}
    holds = {dict(labels)["bitbuilder_tenant_hold"]: value
             for labels, value in found["bitbuilder_tenant_hold"].samples.items()}
    assert holds == {"suspend": 0, "rollback": 1}
    healths = {dict(labels)["health"]: value for labels, value in found["bitbuilder_tenant_workloads"].samples.items()}
    assert healths == {"healthy": 1, "starting": 0, "unhealthy": 2}
    of_web = (("tenant", "acme"), ("workload", "w0"))
    assert [found[f"bitbuilder_workload_{row.name}"].samples[of_web] for row in WORKLOAD] == [12345678, 1.234567, 7]


def test_the_host_is_told_with_its_numbers() -> None:
    denied = {"_host": 3, "acme": 1}
    now = HostNow(version="1.2", generator_seconds=0.05, sync_seconds=2.5, sync_age=60.0, denied=denied)
    found = read(render(families(now)))
    assert {name: dict(one.samples) for name, one in found.items()} == {
        "bitbuilder": {(("version", "1.2"),): 1}, "bitbuilder_tenants": {(): 0},
        "bitbuilder_generator_seconds": {(): 0.05}, "bitbuilder_sync_seconds": {(): 2.5},
        "bitbuilder_sync_age_seconds": {(): 60},
        "bitbuilder_calls_denied": {(("server", "_host"),): 3, (("server", "acme"),): 1},
        "bitbuilder_workloads_left_out": {(): 0},
    }  # fmt: skip


def test_what_nobody_knows_has_no_series() -> None:
    found = read(render(families(HostNow(version="1", tenants=[TenantNow(usage=OfTenant(id="new"))]))))
    assert "bitbuilder_sync_seconds" not in found and "bitbuilder_tenant_memory_bytes" not in found
    assert set(found["bitbuilder_tenant_outcome"].samples.values()) == {0.0}
    assert found["bitbuilder_tenant_drift"].samples == {(("tenant", "new"),): 0}


def test_a_thousand_tenants_have_a_bounded_number_of_series_and_what_is_left_out_is_counted() -> None:
    text = render(families(HostNow(version="1", tenants=[tenant(f"t{number}", 16) for number in range(1000)])))
    found = read(text)
    each = len(TENANT) + len(WORDS) + len(VERBS) + len(HEALTH)
    assert sum(len(one.samples) for one in found.values()) == 3 + 1000 * each + len(WORKLOAD) * MAX_WORKLOADS
    assert found["bitbuilder_workloads_left_out"].samples == {(): 16_000 - MAX_WORKLOADS}
    assert len(text) < 8 << 20, "a reply of the interface has 16 MiB at most"


def test_every_name_has_its_prefix_and_a_sum_has_no_unit_but_its_own() -> None:
    found = read(render(families(HostNow(version="1", tenants=[tenant("acme")], denied={"_host": 1}))))
    assert all(name == "bitbuilder" or name.startswith("bitbuilder_") for name in found)
    assert {name for name, one in found.items() if one.unit} == {
        name for name in found if name.endswith(("_bytes", "_seconds"))
    }


def test_usage_that_is_not_counted_is_left_out_alone() -> None:
    usage = OfTenant(id="a", measured=Measured(cpu_usec=5), grants=Grants(memory=1))
    found = read(render(families(HostNow(version="1", tenants=[TenantNow(usage=usage)]))))
    assert found["bitbuilder_tenant_cpu_seconds"].samples == {(("tenant", "a"),): 5e-06}
    assert "bitbuilder_tenant_tasks" not in found and "bitbuilder_tenant_memory_granted_bytes" in found
