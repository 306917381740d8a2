const PATHS = {
  topology: 'M4.5 4.5a2 2 0 1 0 .01 0M11.5 3a2 2 0 1 0 .01 0M9 11a2 2 0 1 0 .01 0M6.3 5.9l4-.8M5.7 6.7 8 10.7M11 5.2l-1.6 5',
  log: 'M2.5 4h11M2.5 8h11M2.5 12h7',
  search: 'M7 2.5a4.5 4.5 0 1 0 .01 0M10.3 10.3 14 14',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6L12.5 8z',
  down: 'M8 2.5v10M4 9l4 4 4-4',
  close: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  ok: 'M3 8.5l3.2 3.2L13 5',
  error: 'M8 2 14.5 13.5h-13zM8 6.3v3.4M8 11.4v.4',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  layout: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.5 1.8v3h-3',
  sun: 'M8 5a3 3 0 1 0 .01 0M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13',
  moon: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z',
  system: 'M2 3h12v8H2zM5.5 13.5h5',
  settings: 'M2.5 4.5h6M11.5 4.5h2M10 3v3M2.5 8h2M7.5 8h6M6 6.5v3M2.5 11.5h6M11.5 11.5h2M10 10v3',
  help: 'M5.8 6.2a2.2 2.2 0 1 1 3.3 1.9C8.4 8.5 8 9 8 9.8M8 12v.3',
  command: 'M5.5 10.5h5v-5h-5zM5.5 5.5h-1.5a1.5 1.5 0 1 1 1.5-1.5zM10.5 5.5V4a1.5 1.5 0 1 1 1.5 1.5zM10.5 10.5H12a1.5 1.5 0 1 1-1.5 1.5zM5.5 10.5V12A1.5 1.5 0 1 1 4 10.5z',
  chevron: 'M6 3.5 10.5 8 6 12.5',
  timeline: 'M2.5 4h5M9.5 4h2M4.5 8h7M2.5 12h3M8 12h5.5',
  pin: 'M6 2.5h4l-.6 4.2 2.1 1.8v1.2h-7V8.5l2.1-1.8zM8 9.7v4',
  runs: 'M2.5 3.5h7M4.5 8h9M4.5 12.5h5',
  performance: 'M2.5 13.5h11M4.5 11V7.5M8 11V3.5M11.5 11V6',
  memory: 'M3 4.5c0-1.1 2.2-2 5-2s5 .9 5 2-2.2 2-5 2-5-.9-5-2zM3 4.5v7c0 1.1 2.2 2 5 2s5-.9 5-2v-7M3 8c0 1.1 2.2 2 5 2s5-.9 5-2',
  state: 'M3 3h4M5 3v10M5 8h3M5 13h3M8 6.5h5v3H8zM8 11.5h5v3H8z',
  split: 'M2.5 3h11v10h-11zM8 3v10',
  start: 'M4 3.5v9M12 3.2v9.6L6 8z',
  back: 'M10.5 3.2v9.6L4 8z',
  forward: 'M5.5 3.2v9.6L12 8zM13.5 3.5v9',
  live: 'M8 6a2 2 0 1 0 .01 0M3.8 3.8a6 6 0 0 0 0 8.4M12.2 3.8a6 6 0 0 1 0 8.4',
  breakpoint: 'M8 3.5a4.5 4.5 0 1 0 .01 0M8 6v2.6M8 10.4v.3',
  next: 'M2.5 8h8M7.5 4.5 11 8l-3.5 3.5M13.5 3.5v9',
  previous: 'M13.5 8h-8M8.5 4.5 5 8l3.5 3.5M2.5 3.5v9',
  compare: 'M5 2.5v11M11 2.5v11M2 5l3-2.5M14 11l-3 2.5',
  table: 'M2.5 3h11v10h-11zM2.5 6.5h11M6.5 6.5V13',
} as const;

export type IconName = keyof typeof PATHS;

/** A decorative icon; what it means is said by text beside it or by the control's label. */
export function Icon({ name, size = 14, className }: { name: IconName; size?: number; className?: string | undefined }) {
  return (
    <svg
      className={className}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
