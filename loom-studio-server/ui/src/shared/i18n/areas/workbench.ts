export const en = {
  'workbench.splitter': 'Resize the second view',
  'workbench.left': 'First view',
  'workbench.right': 'Second view',
  'workbench.closePane': 'Close {view}',
  'workbench.openBeside': 'Open {view} beside',
  'workbench.isOpen': '{view} is open',
} as const;

export const zh: Record<keyof typeof en, string> = {
  'workbench.splitter': '调整第二个视图的宽度',
  'workbench.left': '第一个视图',
  'workbench.right': '第二个视图',
  'workbench.closePane': '关闭{view}',
  'workbench.openBeside': '在旁边打开{view}',
  'workbench.isOpen': '{view}已打开',
};
