export const en = {
  'topology.search': 'Find a node',
  'topology.found': '{n} found',
  'topology.notYet': 'Pale nodes and edges don’t exist yet at the playhead.',
  'topology.runHighlighted': 'Run #{id} is highlighted.',
  'topology.leaveRun': 'Show all alike',
  'topology.collapse': 'Collapse',
  'topology.expand': 'Expand ({n} hidden)',
  'topology.expandAll': 'Expand all',
  'topology.collapseHint': 'Hides the nodes that only it calls. A double click does the same.',
  'topology.aggregated': 'With more than {n} edges, nodes of one kind are shown together. A double click opens a kind.',
  'topology.aggregate': 'Together by kind',
  'topology.minimap': 'Overview; click to move there',
} as const;

export const zh: Record<keyof typeof en, string> = {
  'topology.search': '查找节点',
  'topology.found': '找到 {n} 个',
  'topology.notYet': '浅色的节点和边在播放头处尚不存在。',
  'topology.runHighlighted': '已突出显示运行 #{id}。',
  'topology.leaveRun': '全部同等显示',
  'topology.collapse': '折叠',
  'topology.expand': '展开（隐藏了 {n} 个）',
  'topology.expandAll': '全部展开',
  'topology.collapseHint': '隐藏只由它调用的节点。双击效果相同。',
  'topology.aggregated': '边多于 {n} 条时，同类节点合并显示。双击可展开一类。',
  'topology.aggregate': '按类合并',
  'topology.minimap': '概览；单击可移到该处',
};
