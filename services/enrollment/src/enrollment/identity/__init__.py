"""Who somebody is: sealed messages opened, signatures checked, NIK looked up without being readable."""
