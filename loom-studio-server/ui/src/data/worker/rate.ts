const WINDOW_MS = 2000;

/** Events per second over the last two seconds, from samples of a counter. */
export class Rate {
  #samples: { at: number; count: number }[] = [];

  at(now: number, count: number): number {
    this.#samples.push({ at: now, count });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? now) <= now - WINDOW_MS) this.#samples.shift();
    const oldest = this.#samples[0];
    // A counter that fell was started over with its log.
    if (oldest === undefined || count < oldest.count) {
      this.#samples = [{ at: now, count }];
      return 0;
    }
    const ms = now - oldest.at;
    return ms <= 0 ? 0 : Math.round(((count - oldest.count) * 1000) / Math.max(ms, 500));
  }
}
