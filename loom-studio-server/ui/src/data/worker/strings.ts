/** Gives each distinct string a small number. 0 is the empty string, and stands for "none". */
export class Strings {
  readonly #ids = new Map<string, number>([['', 0]]);
  readonly #values: string[] = [''];

  get size(): number {
    return this.#values.length;
  }

  intern(value: string): number {
    const known = this.#ids.get(value);
    if (known !== undefined) return known;
    const id = this.#values.length;
    this.#ids.set(value, id);
    this.#values.push(value);
    return id;
  }

  /** The number of a string, if it has one. */
  find(value: string): number | undefined {
    return this.#ids.get(value);
  }

  /** The string of an id this table gave out. */
  get(id: number): string {
    return this.#values[id] ?? '';
  }
}
