import { expect } from 'vitest';
import type { Locator, Page } from 'playwright-core';

/** Somebody who uses the page by hand; each click, key, choice and typed text counts as one interaction. */
export class Visitor {
  #interactions = 0;
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async click(what: Locator): Promise<void> {
    this.#interactions += 1;
    await what.click();
  }

  async press(key: string): Promise<void> {
    this.#interactions += 1;
    await this.#page.keyboard.press(key);
  }

  async choose(select: Locator, label: string): Promise<void> {
    this.#interactions += 1;
    await select.selectOption({ label });
  }

  /** Fails when more was needed than somebody who is new here has patience for. */
  expectFewInteractions(most = 8): void {
    expect(this.#interactions).toBeLessThanOrEqual(most);
  }
}
