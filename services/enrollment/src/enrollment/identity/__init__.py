"""Who somebody is: sealed boxes opened, signatures checked, NIK looked up without being readable."""
