import type { StylesheetJson } from 'cytoscape';
import { NODE_LOOKS, NODE_TYPES } from '../../shared/ui/nodeTypes';

export const NODE_SIZE = 34;

export function graphStyle(read: (name: string) => string, fontFamily: string): StylesheetJson {
  return [
    {
      selector: 'node',
      style: {
        width: NODE_SIZE,
        height: NODE_SIZE,
        label: 'data(label)',
        color: read('--text'),
        'font-family': fontFamily,
        'font-size': 11,
        'text-wrap': 'wrap',
        'text-max-width': '150px',
        'text-valign': 'bottom',
        'text-margin-y': 5,
        'text-outline-color': read('--bg'),
        'text-outline-width': 2,
        'min-zoomed-font-size': 6,
        'background-color': read('--node-other'),
        shape: 'octagon',
        'border-width': 1.5,
        'border-color': read('--surface'),
        'overlay-opacity': 0,
      },
    },
    ...NODE_TYPES.map((type) => ({
      selector: `node[type = "${type}"]`,
      style: { shape: NODE_LOOKS[type].shape, 'background-color': read(NODE_LOOKS[type].color) },
    })),
    { selector: 'node.running', style: { 'border-width': 5, 'border-style': 'double', 'border-color': read('--running') } },
    { selector: 'node.error', style: { 'border-width': 4, 'border-style': 'dashed', 'border-color': read('--error') } },
    {
      selector: 'node:selected',
      style: { 'underlay-color': read('--accent'), 'underlay-opacity': 0.28, 'underlay-padding': 9, 'underlay-shape': 'ellipse' },
    },
    {
      selector: 'edge',
      style: {
        width: 'data(width)',
        'line-color': read('--edge'),
        'curve-style': 'bezier',
        'control-point-step-size': 34,
        'target-arrow-shape': 'triangle',
        'target-arrow-color': read('--edge'),
        'arrow-scale': 0.9,
        'overlay-opacity': 0,
        label: 'data(label)',
        color: read('--text-muted'),
        'font-family': fontFamily,
        'font-size': 9,
        'text-rotation': 'autorotate',
        'text-background-color': read('--bg'),
        'text-background-opacity': 0.85,
        'min-zoomed-font-size': 7,
      },
    },
    { selector: 'edge.open', style: { 'line-color': read('--running'), 'target-arrow-color': read('--running') } },
    { selector: 'edge.failed', style: { 'line-style': 'dashed', 'line-color': read('--error'), 'target-arrow-color': read('--error') } },
    { selector: '.ghost', style: { opacity: 0.28 } },
    { selector: 'edge.ghost', style: { 'line-style': 'dotted' } },
    { selector: '.aside', style: { opacity: 0.18 } },
    // Arrows and curves cost several times a straight line, at each redraw.
    { selector: 'edge.plain', style: { 'curve-style': 'straight', 'target-arrow-shape': 'none', label: '' } },
    {
      selector: 'edge:selected',
      style: { 'underlay-color': read('--accent'), 'underlay-opacity': 0.3, 'underlay-padding': 5 },
    },
  ] as StylesheetJson;
}
