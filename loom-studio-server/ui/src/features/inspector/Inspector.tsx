import type { Selection } from '../../data/selection';
import { select } from '../../data/selection';
import { EventInspector } from './EventInspector';
import { NodeInspector } from './NodeInspector';

/** What is known of the selected event, node or edge, as of the playhead. */
export function Inspector({ selection }: { selection: Exclude<Selection, null> }) {
  const close = (): void => {
    select(null, 'replace');
  };
  return 'seq' in selection ? <EventInspector seq={selection.seq} onClose={close} /> : <NodeInspector selection={selection} onClose={close} />;
}
