import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import hashes from '../csp-hashes.json';

const source = readFileSync(new URL('../node_modules/cytoscape/dist/cytoscape.esm.mjs', import.meta.url), 'utf8');

describe('csp-hashes.json', () => {
  it('allows exactly the one style element that Cytoscape adds', () => {
    const className = /var className = '([^']+)';\s+var stylesheetAlreadyExists/.exec(source)?.[1];
    const rule = /stylesheet\.textContent = '\.' \+ className \+ '([^']+)';/.exec(source)?.[1];
    expect(className).toBeDefined();
    expect(rule).toBeDefined();
    expect(source.match(/createElement\('style'\)/g)).toHaveLength(1);
    const digest = createHash('sha256').update(`.${className ?? ''}${rule ?? ''}`).digest('base64');
    expect(hashes).toEqual({ 'style-src': [`sha256-${digest}`] });
  });

  it('needs nothing for style attributes: Cytoscape sets styles one property at a time', () => {
    expect(source).not.toMatch(/setAttribute\(\s*['"]style['"]|cssText/);
  });
});
