import { memo } from 'react';
import { edgeKey } from '../../data/topology';
import type { TopologyEdge, TopologyNode } from '../../data/types';
import type { MessageKey } from '../../shared/i18n/en';
import { useT } from '../../shared/i18n/useT';
import { latencies } from '../../shared/lib/time';
import { Button } from '../../shared/ui/Button';
import type { GraphSelection } from './graphController';
import type { Topology } from '../../data/topology';
import { lookOf } from '../../shared/ui/nodeTypes';
import { NodeSign, StatusSign } from '../../shared/ui/signs';
import css from './topology.module.css';

interface TopologyTableProps {
  topology: Topology;
  selection: GraphSelection;
  onSelect: (selection: GraphSelection) => void;
}

const NODE_COLUMNS: MessageKey[] = ['topology.name', 'topology.type', 'topology.role', 'topology.status', 'topology.events', 'topology.openCalls', 'topology.errors'];
const EDGE_COLUMNS: MessageKey[] = ['topology.from', 'topology.to', 'topology.count', 'topology.open', 'topology.errors', 'topology.latency'];

/** The content of the graph as two tables, for the keyboard and for screen readers. */
export function TopologyTable({ topology, selection, onSelect }: TopologyTableProps) {
  const t = useT();
  const nodes = [...topology.nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const edges = [...topology.edges.values()].sort((a, b) => (edgeKey(a.from, a.to) < edgeKey(b.from, b.to) ? -1 : 1));
  return (
    // What scrolls must be reachable by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={css['tables']} role="region" aria-label={t('topology.table')} tabIndex={0}>
      <table data-testid="nodes">
        <caption>{t('topology.nodes')}</caption>
        <Head columns={NODE_COLUMNS} />
        <tbody>
          {nodes.map((node) => (
            <NodeRow key={node.id} node={node} isSelected={selection !== null && 'node' in selection && selection.node === node.id} onSelect={onSelect} />
          ))}
        </tbody>
      </table>
      <table data-testid="edges">
        <caption>{t('topology.edges')}</caption>
        <Head columns={EDGE_COLUMNS} />
        <tbody>
          {edges.map((edge) => (
            <EdgeRow
              key={edgeKey(edge.from, edge.to)}
              edge={edge}
              isSelected={selection !== null && 'edge' in selection && selection.edge.from === edge.from && selection.edge.to === edge.to}
              onSelect={onSelect}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Head({ columns }: { columns: MessageKey[] }) {
  const t = useT();
  return (
    <thead>
      <tr>
        {columns.map((key) => (
          <th key={key} scope="col">
            {t(key)}
          </th>
        ))}
      </tr>
    </thead>
  );
}

interface RowProps {
  isSelected: boolean;
  onSelect: (selection: GraphSelection) => void;
}

const NodeRow = memo(function NodeRow({ node, isSelected, onSelect }: RowProps & { node: TopologyNode }) {
  const t = useT();
  return (
    <tr data-selected={isSelected} data-node={node.id}>
      <th scope="row">
        <Button
          look="link"
          aria-pressed={isSelected}
          onClick={() => {
            onSelect({ node: node.id });
          }}
        >
          {node.id}
        </Button>
      </th>
      <td>
        <span className={css['typed']}>
          <NodeSign type={node.type} /> {t(lookOf(node.type).label)}
        </span>
      </td>
      <td>{node.role ?? '—'}</td>
      <td>
        <StatusSign status={node.status} />
      </td>
      <td className={css['number']}>{node.events}</td>
      <td className={css['number']}>{node.open_calls}</td>
      <td className={css['number']}>{node.errors}</td>
    </tr>
  );
});

const EdgeRow = memo(function EdgeRow({ edge, isSelected, onSelect }: RowProps & { edge: TopologyEdge }) {
  const t = useT();
  return (
    <tr data-selected={isSelected}>
      <th scope="row">
        <Button
          look="link"
          aria-pressed={isSelected}
          aria-label={`${edge.from} → ${edge.to}`}
          onClick={() => {
            onSelect({ edge: { from: edge.from, to: edge.to } });
          }}
        >
          {edge.from}
        </Button>
      </th>
      <td>{edge.to}</td>
      <td className={css['number']}>{edge.count}</td>
      <td className={css['number']}>{edge.open}</td>
      <td className={css['number']}>{edge.errors}</td>
      <td className={css['number']}>{edge.latency_ms === null ? t('topology.notReported') : latencies(edge.latency_ms)}</td>
    </tr>
  );
});
