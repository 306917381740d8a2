export const en = {
  'sample.offer': 'Nothing to run yet? Look around in a recording: a support desk of seven agents, three tickets at a time, one of which goes wrong.',
  'sample.open': 'Explore a recorded run',
  'sample.loading': 'Loading the recording…',
  'sample.failed': 'The recording could not be loaded: {detail}',
  'sample.shown': 'You are looking at a recorded run of a support desk, not at your own application.',
  'sample.leave': 'Back to your events',
} as const;

export const zh: Record<keyof typeof en, string> = {
  'sample.offer': '还没有可运行的应用？可以先看一段录制：一个由七个智能体组成的客服台，同时处理三张工单，其中一张出了错。',
  'sample.open': '浏览录制的运行',
  'sample.loading': '正在加载录制…',
  'sample.failed': '无法加载录制：{detail}',
  'sample.shown': '你正在查看一段录制的客服台运行，而不是你自己的应用。',
  'sample.leave': '返回你的事件',
};
