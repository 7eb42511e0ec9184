"""SQL of schools: every revision is kept, the highest holds."""

from typing import Final

from contracts.schools import SchoolListed
from exactly_once import FactTable

SCHOOLS: Final = FactTable("enrollment.school_revision", SchoolListed)
