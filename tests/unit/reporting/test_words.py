"""Names of groups, of schools that were listed and of those that were not."""

from __future__ import annotations

from contracts.schools import SchoolListed
from reporting.pages.present import group_name


def test_names_of_groups() -> None:
    school = SchoolListed.model_construct(npsn="20599901", name="SMAN Contoh")
    assert group_name("npsn:20599901", school) == "SMAN Contoh"
    assert group_name("npsn:20599902", None) == "Sekolah 20599902"
    assert group_name("outside", None) == "Di luar sekolah"
    assert group_name("outside:pondok-pesantren", None) == "Di luar sekolah: pondok pesantren"
