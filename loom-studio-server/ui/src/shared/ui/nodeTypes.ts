import type { MessageKey } from '../i18n/en';

/** How a node type looks. Colour and shape say the same, so that neither is needed alone. */
export interface NodeLook {
  shape: 'ellipse' | 'diamond' | 'round-rectangle' | 'hexagon' | 'triangle' | 'octagon';
  color: string;
  label: MessageKey;
  /** The shape as an SVG path in a 16 × 16 box, for the legend and the table. */
  path: string;
}

export const NODE_LOOKS = {
  AgentNode: { shape: 'ellipse', color: '--node-agent', label: 'nodeType.AgentNode', path: 'M8 1.5a6.5 6.5 0 1 0 .01 0z' },
  ToolNode: { shape: 'diamond', color: '--node-tool', label: 'nodeType.ToolNode', path: 'M8 1 15 8 8 15 1 8z' },
  CrewNode: { shape: 'round-rectangle', color: '--node-crew', label: 'nodeType.CrewNode', path: 'M4 2h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V4a2 2 0 0 1 2-2z' },
  RouterNode: { shape: 'hexagon', color: '--node-router', label: 'nodeType.RouterNode', path: 'M4.5 2h7L15 8l-3.5 6h-7L1 8z' },
  UserNode: { shape: 'triangle', color: '--node-user', label: 'nodeType.UserNode', path: 'M8 1.5 15 14H1z' },
  Node: { shape: 'octagon', color: '--node-other', label: 'nodeType.Node', path: 'M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2z' },
} as const satisfies Record<string, NodeLook>;

export const NODE_TYPES = Object.keys(NODE_LOOKS) as (keyof typeof NODE_LOOKS)[];

/** The look of a type; types this page doesn't know look like `Node`. */
export function lookOf(type: string): NodeLook {
  return type in NODE_LOOKS ? NODE_LOOKS[type as keyof typeof NODE_LOOKS] : NODE_LOOKS.Node;
}
