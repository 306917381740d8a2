const UNITS_US = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 6e7, 6e8, 3.6e9, 3.6e10, 8.64e10, 8.64e11];
const STEPS = [1, 2, 5];

/** The shortest round step between ticks that are at least `apart` pixels apart. */
export function tickStepUs(usPerPixel: number, apart: number): number {
  const wanted = usPerPixel * apart;
  for (const unit of UNITS_US) for (const step of STEPS) if (unit * step >= wanted) return unit * step;
  return Math.ceil(wanted / 8.64e10) * 8.64e10;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** A tick's time, as exact as its step needs: `03:04`, `03:04:05`, `05.123`, `+4.567 µs` within a millisecond. */
export function tickLabel(timeUs: number, stepUs: number): string {
  const date = new Date(Math.floor(timeUs / 1000));
  const [hours, minutes, seconds, millis] = [date.getHours(), date.getMinutes(), date.getSeconds(), date.getMilliseconds()];
  if (stepUs >= 8.64e10) return `${String(date.getMonth() + 1)}/${String(date.getDate())}`;
  if (stepUs >= 6e7) return `${two(hours)}:${two(minutes)}`;
  if (stepUs >= 1e6) return `${two(hours)}:${two(minutes)}:${two(seconds)}`;
  if (stepUs >= 1e3) return `${two(seconds)}.${String(millis).padStart(3, '0')}`;
  return `.${String(millis).padStart(3, '0')}${String(Math.round(timeUs % 1000)).padStart(3, '0')}`;
}

/** Round times from `fromUs` to `toUs`. */
export function ticks(fromUs: number, toUs: number, stepUs: number): number[] {
  const found: number[] = [];
  // Ticks of a day and its parts stand at local time.
  const offset = stepUs >= 6e7 ? new Date(fromUs / 1000).getTimezoneOffset() * 6e7 : 0;
  for (let at = Math.ceil((fromUs - offset) / stepUs) * stepUs + offset; at <= toUs && found.length < 500; at += stepUs) found.push(at);
  return found;
}
