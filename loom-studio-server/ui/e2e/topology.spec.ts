import { describe, expect, it } from 'vitest';
import { eventually, liveBench, PER_RUN } from './harness';
import { RUN_NODES } from './traffic';

const bench = liveBench();

describe('the topology', () => {
  it('shows nodes as they come, in the graph and in the table alike', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('topology', 3 * PER_RUN);
    const counts = (): Promise<string> => bench.page.getByTestId('topology-counts').innerText();
    await eventually(counts, '7 nodes · 12 edges');
    const drawn = (): Promise<string | null> => bench.page.getByRole('img', { name: /Topology graph/ }).getAttribute('data-nodes');
    await eventually(drawn, RUN_NODES.join(' '));
    await bench.page.keyboard.press('t');
    await eventually(bench.tableNodes, RUN_NODES);
    await bench.producer.send([bench.traffic.visit('/node/tool/zip')]);
    await eventually(bench.tableNodes, [...RUN_NODES.slice(0, -1), '/node/tool/zip', '/user/sdk']);
    await bench.page.keyboard.press('t');
    await eventually(drawn, [...RUN_NODES.slice(0, -1), '/node/tool/zip', '/user/sdk'].join(' '));
  });

  it('moves no node that stands when one is added', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('topology', 3 * PER_RUN);
    const positions = (): Promise<Record<string, unknown>> =>
      bench.page.evaluate(() => {
        const stored = JSON.parse(sessionStorage.getItem('loom-studio.arrangement') ?? '{}') as { positions?: [string, unknown][] };
        return Object.fromEntries(stored.positions ?? []);
      });
    await eventually(async () => Object.keys(await positions()).length, 7);
    // A layout that is still on its way would move nodes which were only placed provisionally.
    await eventually(() => bench.page.getByText('Laying out…').count(), 0);
    await bench.page.waitForTimeout(600);
    const before = await positions();
    await bench.producer.send([bench.traffic.visit('/node/tool/zip')]);
    await eventually(async () => '/node/tool/zip' in (await positions()), true);
    await bench.page.waitForTimeout(1500);
    const { '/node/tool/zip': added, ...others } = await positions();
    expect(added).toBeDefined();
    expect(others).toEqual(before);
  });

  it('stands still with the log while paused', async () => {
    await bench.producer.send(bench.traffic.runs(3));
    await bench.open('topology', 3 * PER_RUN);
    const counts = (): Promise<string> => bench.page.getByTestId('topology-counts').innerText();
    await eventually(counts, '7 nodes · 12 edges');
    await bench.page.keyboard.press('Control+k');
    await bench.page.keyboard.type('pause');
    await bench.page.keyboard.press('Enter');
    await bench.page.getByText('As of #42').waitFor();
    await bench.producer.send([bench.traffic.visit('/node/tool/zip')]);
    await eventually(bench.eventCount, '43 events');
    await bench.page.reload();
    await bench.page.getByText('As of #42').waitFor();
    await eventually(counts, '7 nodes · 12 edges');
    await bench.page.keyboard.press('Control+k');
    await bench.page.keyboard.type('resume');
    await bench.page.keyboard.press('Enter');
    await eventually(counts, '8 nodes · 13 edges');
  });

  it('tells about a node and an edge, and leads to their events', async () => {
    await bench.producer.send(bench.traffic.runs(4));
    await bench.open('topology?as=table', 4 * PER_RUN);
    await bench.page.getByRole('button', { name: '/node/tool/search', exact: true }).first().click();
    const details = bench.page.getByRole('region', { name: 'Details' });
    await details.getByText('/node/tool/search', { exact: true }).waitFor();
    await bench.page.reload();
    await details.getByText('/node/tool/search', { exact: true }).waitFor();
    await details.getByRole('table', { name: 'Incoming' }).getByRole('button', { name: 'agent/planner' }).click();
    await details.getByRole('heading', { name: 'agent/planner → tool/search' }).waitFor();
    await details.getByRole('button', { name: 'Show its events in the log' }).click();
    await eventually(bench.resultCount, '4 of 56 events');
    expect(await bench.page.getByRole('combobox', { name: 'Filter events' }).inputValue()).toBe('from = /node/agent/planner and to = /node/tool/search');
  });
});

