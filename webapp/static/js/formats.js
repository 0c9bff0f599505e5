// Formats of values, the same as in webapp/pages/formats.py. Cents are BigInt: sums exceed what a number holds exactly.

const MINUS = "−";

export function dollars(cents) {
  const [sign, size] = cents < 0n ? [MINUS, -cents] : ["", cents];
  return `${sign}$${(size / 100n).toLocaleString("en-US")}.${String(size % 100n).padStart(2, "0")}`;
}

export function signedDollars(cents) {
  return cents > 0n ? `+${dollars(cents)}` : dollars(cents);
}

export function percent(part, whole) {
  const text = plainPercent(part, whole);
  return text.startsWith("-") ? text.replace("-", MINUS) : `+${text}`;
}

export function plainPercent(part, whole) {
  return `${(Number(100n * part) / Number(whole)).toFixed(1)} %`;
}
