import { chromium, type BrowserServer } from 'playwright-core';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The one browser of a test run, which the spec files connect to. */
export function launchServer(): Promise<BrowserServer> {
  return chromium.launchServer({ executablePath: process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium', headless: true, args: ARGS });
}
