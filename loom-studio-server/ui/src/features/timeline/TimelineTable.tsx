import type { Lane } from '../../data/messages';
import { useT } from '../../shared/i18n/useT';
import { shortNode } from '../../shared/lib/nodeId';
import { Button } from '../../shared/ui/Button';
import css from './timeline.module.css';

/** The lanes as a table. */
export function TimelineTable({ lanes, onNode }: { lanes: readonly Lane[]; onNode: (node: string) => void }) {
  const t = useT();
  return (
    <div className={css['tableScroller']}>
      <table className={css['table']} aria-label={t('timeline.lanes')}>
        <thead>
          <tr>
            {(['node', 'events', 'calls', 'errors'] as const).map((name) => (
              <th key={name} scope="col">
                {t(`timeline.col.${name}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lanes.map(({ node, events, calls, errors }) => (
            <tr key={node}>
              <th scope="row">
                <Button
                  look="link"
                  onClick={() => {
                    onNode(node);
                  }}
                >
                  {shortNode(node)}
                </Button>
              </th>
              <td>{events}</td>
              <td>{calls}</td>
              <td>{errors}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
