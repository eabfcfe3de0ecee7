"""Hunts for files that hide a list from us and show it to others: `make fuzz`. Not part of the product.

`python -m fuzz --minutes 10` damages, mixes and glues together the test carriers of forty people, and opens each result
in a process of its own. What must not be: an exception that escapes, a hang, memory past the limit, and above all
*blindness*: everything "opened" with fewer people than a common reader still shows of the file. What is found stays in
`var/fuzz/`, and goes from there to `tests/crashers` or `tests/blindness` once it is mended.
"""
