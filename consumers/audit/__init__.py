"""The log of record: stores every audit entry once and in order, and writes the dumps that DUMPLOG asks for."""
