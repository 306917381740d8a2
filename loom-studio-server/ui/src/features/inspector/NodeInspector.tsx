import { useState, type ReactNode } from 'react';
import { addBreakpoint } from '../../data/breakpoints';
import { withFacet } from '../../data/conditionEdit';
import { nodeCondition } from '../../data/conditions';
import { select, type Selection } from '../../data/selection';
import { edgeKey, type Topology } from '../../data/topology';
import type { TopologyEdge, TopologyNode } from '../../data/types';
import { setUrlState } from '../../data/useUrlState';
import { useTopology } from '../../data/useTopology';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { duration, latencies, localDateTime } from '../../shared/lib/time';
import { Button, IconButton } from '../../shared/ui/Button';
import { JsonTree } from '../../shared/ui/JsonTree';
import { Fact } from './Fact';
import css from './nodeInspector.module.css';
import { NodeActivity } from './NodeActivity';
import { lookOf } from '../../shared/ui/nodeTypes';
import { NodeSign, StatusSign } from '../../shared/ui/signs';

interface NodeInspectorProps {
  selection: Exclude<Selection, { seq: number } | null>;
  onClose: () => void;
}

export function NodeInspector({ selection, onClose }: NodeInspectorProps) {
  const t = useT();
  const { topology } = useTopology();
  const onSelect = select;
  const node = 'node' in selection ? topology.nodes.get(selection.node) : undefined;
  const edge = 'edge' in selection ? topology.edges.get(edgeKey(selection.edge.from, selection.edge.to)) : undefined;
  const title =
    'node' in selection
      ? (node?.name ?? shortNode(selection.node))
      : `${shortNode(selection.edge.from)} → ${shortNode(selection.edge.to)}`;
  return (
    <section aria-label={t('topology.details')} className={css['details']}>
      <header className={css['head']}>
        {node !== undefined && <NodeSign type={node.type} />}
        <h2 title={title}>{title}</h2>
        <IconButton icon="close" look="quiet" label={t('close')} onClick={onClose} />
      </header>
      <div className={css['body']}>
        {node !== undefined && <NodeDetails node={node} topology={topology} onSelect={onSelect} />}
        {edge !== undefined && <EdgeDetails edge={edge} onSelect={onSelect} />}
        {node === undefined && edge === undefined && <p className={css['muted']}>{t('topology.gone')}</p>}
      </div>
    </section>
  );
}

function showInLog(filter: string): void {
  setUrlState({ view: 'log', filter, seq: null }, 'push');
}

function SeqLink({ seq, children }: { seq: number; children: ReactNode }) {
  return (
    <Button
      look="link"
      onClick={() => {
        select({ seq });
      }}
    >
      {children}
    </Button>
  );
}

function Last({ seq, time }: { seq: number; time: string }) {
  const ms = Date.parse(time);
  return (
    <>
      <SeqLink seq={seq}>{`#${String(seq)}`}</SeqLink>
      <span className={css['muted']}>{Number.isNaN(ms) ? '' : ` · ${localDateTime(ms * 1000)}`}</span>
    </>
  );
}

function NodeDetails({ node, topology, onSelect }: { node: TopologyNode; topology: Topology; onSelect: (selection: Selection) => void }) {
  const t = useT();
  const edges = [...topology.edges.values()];
  const evidence = node.evidence.type ?? null;
  return (
    <>
      <dl className={css['facts']}>
        <Fact label={t('topology.name')}>{node.id}</Fact>
        <Fact label={t('topology.type')}>
          {t(lookOf(node.type).label)}{' '}
          {evidence === null ? (
            <span className={css['muted']}>({t('topology.noEvidence')})</span>
          ) : (
            <SeqLink seq={evidence.seq}>{t('topology.evidence', { seq: String(evidence.seq), rule: evidence.rule })}</SeqLink>
          )}
        </Fact>
        {node.role !== null && <Fact label={t('topology.role')}>{node.role}</Fact>}
        <Fact label={t('topology.status')}>
          <StatusSign status={node.status} />
          {node.status_reason !== null && <span className={css['reason']}>{node.status_reason}</span>}
        </Fact>
        <Fact label={t('topology.events')}>{node.events}</Fact>
        <Fact label={t('topology.openCalls')}>{node.open_calls}</Fact>
        <Fact label={t('topology.errors')}>{node.errors}</Fact>
        <Fact label={t('topology.last')}>
          <Last seq={node.last_seq} time={node.last_time} />
        </Fact>
      </dl>
      <NodeActions node={node} />
      <NodeActivity id={node.id} />
      <EdgeList title={t('topology.outgoing')} edges={edges.filter(({ from }) => from === node.id)} end="to" onSelect={onSelect} />
      <EdgeList title={t('topology.incoming')} edges={edges.filter(({ to }) => to === node.id)} end="from" onSelect={onSelect} />
      {Object.keys(node.metadata).length > 0 && (
        <section>
          <h3>{t('topology.metadata')}</h3>
          <JsonTree value={node.metadata} label={t('topology.metadata')} />
        </section>
      )}
    </>
  );
}

function NodeActions({ node }: { node: TopologyNode }) {
  const t = useT();
  const [done, setDone] = useState('');
  return (
    <>
      <div role="toolbar" aria-label={t('inspector.actions')} className={css['actions']}>
        <Button
          look="primary"
          icon="log"
          onClick={() => {
            showInLog(withFacet('', 'node', node.id));
          }}
        >
          {t('topology.showEvents')}
        </Button>
        <Button
          icon="memory"
          onClick={() => {
            select({ node: node.id }, 'push', { view: 'memory' });
          }}
        >
          {t('nodeInspector.memory')}
        </Button>
        {(['from', 'to'] as const).map((end) => (
          <Button
            key={end}
            icon="breakpoint"
            onClick={() => {
              const condition = nodeCondition(end, node.id);
              addBreakpoint(condition);
              setDone(t('inspector.breakpointAdded', { condition }));
            }}
          >
            {t(end === 'from' ? 'nodeInspector.breakFrom' : 'nodeInspector.breakTo')}
          </Button>
        ))}
      </div>
      <p role="status" className={css['done']}>
        {done}
      </p>
    </>
  );
}

interface EdgeListProps {
  title: string;
  edges: TopologyEdge[];
  /** The end that isn't the node itself. */
  end: 'from' | 'to';
  onSelect: (selection: Selection) => void;
}

function EdgeList({ title, edges, end, onSelect }: EdgeListProps) {
  const t = useT();
  if (edges.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <table className={css['edges']} aria-label={title}>
        <thead>
          <tr>
            <th scope="col">{t(end === 'to' ? 'topology.to' : 'topology.from')}</th>
            <th scope="col">{t('topology.count')}</th>
            <th scope="col">{t('topology.errors')}</th>
            <th scope="col">{t('topology.latencyShort')}</th>
          </tr>
        </thead>
        <tbody>
          {edges
            .sort((a, b) => b.count - a.count)
            .map((edge) => (
              <tr key={edgeKey(edge.from, edge.to)}>
                <td>
                  <Button
                    look="link"
                    onClick={() => {
                      onSelect({ edge: { from: edge.from, to: edge.to } });
                    }}
                  >
                    {shortNode(edge[end])}
                  </Button>
                </td>
                <td>{edge.count}</td>
                <td>{edge.errors}</td>
                <td>{edge.latency_ms === null ? '—' : `${duration(edge.latency_ms.p50)} / ${duration(edge.latency_ms.p95)}`}</td>
              </tr>
            ))}
        </tbody>
      </table>
    </section>
  );
}

function EdgeDetails({ edge, onSelect }: { edge: TopologyEdge; onSelect: (selection: Selection) => void }) {
  const t = useT();
  return (
    <>
      <dl className={css['facts']}>
        {(['from', 'to'] as const).map((end) => (
          <Fact key={end} label={t(`topology.${end}`)}>
            <Button
              look="link"
              onClick={() => {
                onSelect({ node: edge[end] });
              }}
            >
              {edge[end]}
            </Button>
          </Fact>
        ))}
        <Fact label={t('topology.count')}>{edge.count}</Fact>
        <Fact label={t('topology.open')}>{edge.open}</Fact>
        <Fact label={t('topology.errors')}>{edge.errors}</Fact>
        <Fact label={t('topology.latency')}>{edge.latency_ms === null ? t('topology.notReported') : latencies(edge.latency_ms)}</Fact>
        <Fact label={t('topology.last')}>
          <Last seq={edge.last_seq} time={edge.last_time} />
        </Fact>
      </dl>
      <Button
        look="primary"
        icon="log"
        onClick={() => {
          showInLog(withFacet(withFacet('', 'from', edge.from), 'to', edge.to));
        }}
      >
        {t('topology.showEvents')}
      </Button>
    </>
  );
}
