import cytoscape from 'cytoscape';
import fcose from 'cytoscape-fcose';

cytoscape.use(fcose);

export interface LayoutRequest {
  nodes: { id: string; x: number; y: number; fixed: boolean }[];
  edges: { from: string; to: string }[];
}

export interface LayoutAnswer {
  positions: { id: string; x: number; y: number }[];
}

/** Graphs up to this size get the better, slower quality. */
const FULL_QUALITY_NODES = 100;

/** A generator with a fixed seed: the same graph is laid out the same way each time. */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Positions by fcose, without a screen. Fixed nodes keep theirs. */
export function layOut({ nodes, edges }: LayoutRequest): LayoutAnswer {
  const fixed = nodes.filter((node) => node.fixed);
  const cy = cytoscape({
    headless: true,
    styleEnabled: true,
    style: [{ selector: 'node', style: { width: 40, height: 40 } }],
    elements: [
      ...nodes.map(({ id, x, y }) => ({ data: { id }, position: { x, y } })),
      ...edges.filter(({ from, to }) => from !== to).map(({ from, to }) => ({ data: { source: from, target: to } })),
    ],
  });
  const options = {
    name: 'fcose',
    quality: nodes.length <= FULL_QUALITY_NODES || fixed.length > 0 ? 'default' : 'draft',
    randomize: fixed.length === 0,
    animate: false,
    fit: false,
    packComponents: false,
    nodeSeparation: 110,
    idealEdgeLength: () => 120,
    nodeRepulsion: () => 14_000,
    gravity: 0.3,
    numIter: fixed.length > 0 ? 500 : 2500,
    ...(fixed.length > 0
      ? { fixedNodeConstraint: fixed.map(({ id, x, y }) => ({ nodeId: id, position: { x, y } })) }
      : {}),
  };
  cy.layout(options).run();
  const stay = new Map(fixed.map((node) => [node.id, node]));
  const positions = cy.nodes().map((node) => {
    const id = node.id();
    const { x, y } = stay.get(id) ?? node.position();
    return { id, x, y };
  });
  cy.destroy();
  return { positions };
}
