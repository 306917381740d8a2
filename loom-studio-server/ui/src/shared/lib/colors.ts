/** Reads colours of the stylesheet as they apply in `container` now, for canvases. `done` ends the reading. */
export function tokenReader(container: HTMLElement): { read: (name: string) => string; done: () => void } {
  const probe = document.createElement('span');
  probe.hidden = true;
  container.append(probe);
  return {
    read: (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    },
    done: () => {
      probe.remove();
    },
  };
}

/** Several colours at once. */
export function readTokens<Name extends string>(container: HTMLElement, names: readonly Name[]): Record<Name, string> {
  const { read, done } = tokenReader(container);
  const colors = Object.fromEntries(names.map((name) => [name, read(name)])) as Record<Name, string>;
  done();
  return colors;
}
