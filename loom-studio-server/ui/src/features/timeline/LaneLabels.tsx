import { memo } from 'react';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { Button, IconButton } from '../../shared/ui/Button';
import { Icon } from '../../shared/ui/Icon';
import type { Group, Line } from './lanes';
import css from './timeline.module.css';

export interface LabelledLine {
  line: Line;
  top: number;
  height: number;
}

interface LaneLabelsProps {
  lines: readonly LabelledLine[];
  pinned: ReadonlySet<string>;
  selected: string | null;
  onNode: (node: string) => void;
  onFold: (group: Group) => void;
  onPin: (node: string) => void;
}

/** What the lines of the picture are. */
export const LaneLabels = memo(function LaneLabels({ lines, pinned, selected, onNode, onFold, onPin }: LaneLabelsProps) {
  const t = useT();
  return (
    <>
      {lines.map(({ line, top, height }) =>
        line.kind === 'group' ? (
          <div key={line.group} className={css['groupLabel']} style={{ transform: `translateY(${String(top)}px)`, height }}>
            <Button
              look="quiet"
              aria-expanded={line.open}
              onClick={() => {
                onFold(line.group);
              }}
            >
              <Icon name="chevron" size={10} className={line.open ? css['opened'] : undefined} />
              {t(`timeline.group.${line.group}`)} <span className={css['muted']}>{line.lanes}</span>
            </Button>
          </div>
        ) : (
          <div key={line.lane.node} className={css['laneLabel']} data-selected={line.lane.node === selected} style={{ transform: `translateY(${String(top)}px)`, height }}>
            <button
              type="button"
              title={line.lane.node}
              onClick={() => {
                onNode(line.lane.node);
              }}
            >
              {shortNode(line.lane.node)}
            </button>
            {line.lane.errors > 0 && <span className={css['errors']}>{line.lane.errors}</span>}
            <IconButton
              icon="pin"
              look="quiet"
              aria-pressed={pinned.has(line.lane.node)}
              label={t(pinned.has(line.lane.node) ? 'timeline.unpin' : 'timeline.pin', { node: shortNode(line.lane.node) })}
              onClick={() => {
                onPin(line.lane.node);
              }}
            />
          </div>
        ),
      )}
    </>
  );
});
