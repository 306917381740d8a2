import cytoscape, { type Core, type EventObject } from 'cytoscape';
import { edgeKey, type Topology } from '../../data/topology';
import type { TopologyEdge, TopologyNode } from '../../data/types';
import { changes, drawnPart, edgeState, edgeWidth, type Drawn } from './graphDiff';
import { tokenReader } from '../../shared/lib/colors';
import { graphStyle } from './graphStyle';
import type { LayoutRunner } from './layoutRunner';
import { NODE_LOOKS } from '../../shared/ui/nodeTypes';
import { placeNew, type Point } from './placement';
import type { Selection } from '../../data/selection';
import { saveArrangement, type Arrangement } from './positions';
import type { Marks } from './useGraph';

/** What of a selection a graph can show. */
export type GraphSelection = Exclude<Selection, { seq: number }>;

export interface GraphPorts {
  layout: LayoutRunner;
  select: (selection: GraphSelection) => void;
  /** A node was double-clicked. */
  toggle: (id: string) => void;
  layoutState: (state: 'idle' | 'running' | 'late') => void;
  label: (node: TopologyNode, hidden: number) => string;
  edgeLabel: (edge: TopologyEdge) => string;
  reducedMotion: () => boolean;
}

interface Box {
  x1: number;
  y1: number;
  x2: number;
  y2: number;
}

/** Edges up to which curves and arrows are drawn while nothing changes, and up to which they stay while it does. */
const CURVES_IDLE = 150;
const CURVES_BUSY = 40;
const BUSY_MS = 1000;
const LAYOUT_DELAY_MS = 120;
const SAVE_DELAY_MS = 400;
const MOVE_MS = 250;

/** Draws a topology. Nodes that stand keep standing; only the user moves the viewport, once they have touched it. */
export class GraphController {
  readonly #cy: Core;
  readonly #container: HTMLElement;
  readonly #ports: GraphPorts;
  readonly #arrangement: Arrangement;
  #drawn: Drawn = { nodes: new Map(), edges: new Map(), hiddenEdges: 0 };
  #marks: Marks = { ghosts: new Set(), lit: null, hidden: new Map() };
  /** What a search found; null while there is none. */
  #found: ReadonlySet<string> | null = null;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  #layoutTimer: ReturnType<typeof setTimeout> | undefined;
  #saveTimer: ReturnType<typeof setTimeout> | undefined;
  /** Nodes placed provisionally, which a layout may still move. */
  readonly #provisional = new Set<string>();

  constructor(container: HTMLElement, arrangement: Arrangement, ports: GraphPorts) {
    this.#container = container;
    this.#ports = ports;
    this.#arrangement = arrangement;
    this.#cy = cytoscape({ container, minZoom: 0.08, maxZoom: 4, boxSelectionEnabled: false, selectionType: 'single' });
    if (arrangement.viewport !== null) this.#cy.viewport(arrangement.viewport);
    this.restyle();
    this.#cy.on('tap', (event: EventObject) => {
      this.#tapped(event);
    });
    this.#cy.on('dbltap', 'node', (event: EventObject) => {
      this.#ports.toggle((event.target as { id: () => string }).id());
    });
    this.#cy.on('dragfree', 'node', (event: EventObject) => {
      const id = (event.target as { id: () => string }).id();
      this.#provisional.delete(id);
      this.#arrangement.positions.set(id, { ...this.#cy.getElementById(id).position() });
      this.#save();
    });
    this.#cy.on('dragpan pinchzoom scrollzoom', () => {
      this.#keepViewport();
    });
  }

  /** Takes the colours of the theme in force. */
  restyle(): void {
    const tokens = tokenReader(this.#container);
    this.#cy.style(graphStyle(tokens.read, getComputedStyle(this.#container).fontFamily));
    tokens.done();
  }

  relabel(): void {
    this.#cy.batch(() => {
      for (const node of this.#drawn.nodes.values()) this.#cy.getElementById(node.id).data(this.#nodeElement(node).data);
      for (const edge of this.#drawn.edges.values()) this.#cy.getElementById(edgeKey(edge.from, edge.to)).data(this.#edgeElement(edge).data);
    });
  }

  /** Shows a topology; returns how many edges are left to the table. */
  show(topology: Topology): number {
    const next = drawnPart(topology);
    const nodes = changes(this.#drawn.nodes, next.nodes);
    const edges = changes(this.#drawn.edges, next.edges);
    const isFirst = this.#drawn.nodes.size === 0;
    this.#drawn = next;
    const unplaced = nodes.added.filter(({ id }) => !this.#arrangement.positions.has(id)).map(({ id }) => id);
    for (const [id, point] of placeNew(unplaced, [...next.edges.values()], this.#arrangement.positions)) {
      this.#arrangement.positions.set(id, point);
      this.#provisional.add(id);
    }
    this.#cy.batch(() => {
      for (const key of edges.removed) this.#cy.getElementById(key).remove();
      for (const id of nodes.removed) this.#cy.getElementById(id).remove();
      this.#cy.add(nodes.added.map((node) => this.#nodeElement(node)));
      this.#cy.add(edges.added.map((edge) => this.#edgeElement(edge)));
      for (const node of nodes.changed) {
        const { data, classes } = this.#nodeElement(node);
        this.#cy.getElementById(node.id).data(data).classes(classes);
      }
      for (const edge of edges.changed) {
        const { data, classes } = this.#edgeElement(edge);
        const element = this.#cy.getElementById(data.id);
        element.data(data).classes(element.hasClass('plain') ? `${classes} plain` : classes);
      }
    });
    this.#mark();
    if (nodes.added.length + nodes.changed.length + edges.added.length + edges.changed.length > 0) this.#busy();
    if (nodes.added.length > 0) {
      if (this.#provisional.size > 0) this.#layOutSoon();
      if (isFirst || this.#provisional.size > 0) this.#fitUnlessTouched();
    }
    return next.hiddenEdges;
  }

  /** Draws paler what isn't there yet, and what the entered run or a search leaves aside. */
  mark(marks: Marks): void {
    const relabel = marks.hidden !== this.#marks.hidden;
    this.#marks = marks;
    this.#mark();
    if (relabel) this.relabel();
  }

  /** Marks what a search found; null ends it. */
  find(found: ReadonlySet<string> | null): void {
    this.#found = found;
    this.#mark();
  }

  #mark(): void {
    const { ghosts, lit } = this.#marks;
    this.#cy.batch(() => {
      this.#cy.elements().forEach((element) => {
        const id = element.id();
        element.toggleClass('ghost', ghosts.has(id));
        const isAside = (lit !== null && !lit.has(id)) || (this.#found !== null && !this.#found.has(id));
        element.toggleClass('aside', isAside);
      });
    });
  }

  /** Where all nodes stand, and what of them is seen. */
  overview(): { box: Box; seen: Box; nodes: { x: number; y: number; isError: boolean }[] } {
    return {
      box: this.#cy.elements().boundingBox(),
      seen: this.#cy.extent(),
      nodes: this.#cy.nodes().map((node) => ({ ...node.position(), isError: node.hasClass('error') })),
    };
  }

  /** Moves the viewport so that a place is in its middle. */
  center(x: number, y: number): void {
    const { width, height } = this.#container.getBoundingClientRect();
    const zoom = this.#cy.zoom();
    this.#cy.pan({ x: width / 2 - x * zoom, y: height / 2 - y * zoom });
    this.#keepViewport();
  }

  /** Moves the viewport to a node. */
  reveal(id: string): void {
    const node = this.#cy.getElementById(id);
    if (node.nonempty()) this.center(node.position('x'), node.position('y'));
  }

  #nodeElement(node: TopologyNode) {
    const position: Point = this.#arrangement.positions.get(node.id) ?? { x: 0, y: 0 };
    const type = node.type in NODE_LOOKS ? node.type : 'Node';
    return {
      group: 'nodes' as const,
      data: { id: node.id, type, label: this.#ports.label(node, this.#marks.hidden.get(node.id) ?? 0) },
      position: { ...position },
      classes: node.status === 'idle' ? '' : node.status,
    };
  }

  #edgeElement(edge: TopologyEdge) {
    return {
      group: 'edges' as const,
      data: { id: edgeKey(edge.from, edge.to), source: edge.from, target: edge.to, width: edgeWidth(edge.count), label: this.#ports.edgeLabel(edge) },
      classes: edgeState(edge),
    };
  }

  /** Draws plainly while much changes, and fully once nothing does. */
  #busy(): void {
    const count = this.#drawn.edges.size;
    this.#setPlain(count > CURVES_BUSY);
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      this.#setPlain(this.#drawn.edges.size > CURVES_IDLE);
    }, BUSY_MS);
  }

  #setPlain(plain: boolean): void {
    this.#cy.batch(() => {
      if (plain) this.#cy.edges().addClass('plain');
      else this.#cy.edges('.plain').removeClass('plain');
    });
  }

  select(selection: GraphSelection): void {
    const id = selection === null ? null : 'node' in selection ? selection.node : edgeKey(selection.edge.from, selection.edge.to);
    this.#cy.batch(() => {
      this.#cy.$(':selected').unselect();
      if (id !== null) this.#cy.getElementById(id).select();
    });
  }

  #tapped({ target }: EventObject): void {
    const element = target as { isNode?: () => boolean; id: () => string };
    if (element.isNode === undefined) {
      this.#ports.select(null);
    } else if (element.isNode()) this.#ports.select({ node: element.id() });
    else {
      const edge = this.#drawn.edges.get(element.id());
      if (edge !== undefined) this.#ports.select({ edge: { from: edge.from, to: edge.to } });
    }
  }

  zoomBy(factor: number): void {
    const { width, height } = this.#container.getBoundingClientRect();
    this.#cy.zoom({ level: this.#cy.zoom() * factor, renderedPosition: { x: width / 2, y: height / 2 } });
    this.#keepViewport();
  }

  /** Shows all of the graph, and gives the viewport back to the view. */
  fit(): void {
    this.#arrangement.viewport = null;
    this.#fitUnlessTouched();
    this.#save();
  }

  #fitUnlessTouched(): void {
    if (this.#arrangement.viewport !== null || this.#cy.nodes().empty()) return;
    this.#cy.fit(undefined, 56);
    if (this.#cy.zoom() > 1.3) {
      this.#cy.zoom(1.3);
      this.#cy.center();
    }
  }

  #keepViewport(): void {
    this.#arrangement.viewport = { zoom: this.#cy.zoom(), pan: { ...this.#cy.pan() } };
    this.#save();
  }

  /** Lays out everything anew: the one thing that moves nodes which stand. */
  relayout(): void {
    this.#arrangement.settled = false;
    this.#arrangement.viewport = null;
    void this.#layOut();
  }

  #layOutSoon(): void {
    clearTimeout(this.#layoutTimer);
    this.#layoutTimer = setTimeout(() => {
      void this.#layOut();
    }, LAYOUT_DELAY_MS);
  }

  async #layOut(): Promise<void> {
    const { positions, settled } = this.#arrangement;
    const nodes = [...this.#drawn.nodes.keys()].map((id) => {
      const { x, y } = positions.get(id) ?? { x: 0, y: 0 };
      return { id, x, y, fixed: settled && !this.#provisional.has(id) };
    });
    const movable = nodes.filter(({ fixed }) => !fixed);
    if (nodes.length < 2 || movable.length === 0) return;
    this.#ports.layoutState('running');
    const edges = [...this.#drawn.edges.values()].map(({ from, to }) => ({ from, to }));
    const outcome = await this.#ports.layout.run({ nodes, edges });
    if ('cancelled' in outcome || this.#cy.destroyed()) return;
    this.#ports.layoutState('late' in outcome ? 'late' : 'idle');
    for (const { id } of movable) this.#provisional.delete(id);
    this.#arrangement.settled = true;
    if ('done' in outcome) this.#moveTo(outcome.done.positions, new Set(movable.map(({ id }) => id)));
    this.#save();
  }

  #moveTo(positions: readonly { id: string; x: number; y: number }[], movable: ReadonlySet<string>): void {
    const moves = positions.filter(({ id, x, y }) => movable.has(id) && Number.isFinite(x) && Number.isFinite(y));
    for (const { id, x, y } of moves) this.#arrangement.positions.set(id, { x, y });
    this.#cy.batch(() => {
      for (const { id, x, y } of moves) this.#cy.getElementById(id).stop(true).position({ x, y });
    });
    if (this.#arrangement.viewport !== null || this.#ports.reducedMotion()) {
      this.#fitUnlessTouched();
    } else {
      this.#cy.animate({ fit: { eles: this.#cy.elements(), padding: 56 }, duration: MOVE_MS, complete: () => { this.#fitUnlessTouched(); } });
    }
  }

  /** The nodes that are drawn, sorted. */
  nodeIds(): string[] {
    return this.#cy
      .nodes()
      .map((node) => node.id())
      .sort();
  }

  /** A selection opens a panel beside the graph, and must not move the viewport: no fitting here. */
  resized(): void {
    this.#cy.resize();
  }

  #save(): void {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = setTimeout(() => {
      saveArrangement(this.#arrangement);
    }, SAVE_DELAY_MS);
  }

  destroy(): void {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#layoutTimer);
    clearTimeout(this.#saveTimer);
    saveArrangement(this.#arrangement);
    this.#ports.layout.dispose();
    this.#cy.destroy();
  }
}
