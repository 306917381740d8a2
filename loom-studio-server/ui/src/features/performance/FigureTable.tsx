import { Button } from '../../shared/ui/Button';
import css from './performance.module.css';

export interface FigureRow {
  key: string;
  first: { label: string; onClick?: () => void };
  /** A bar under the name, from 0 to 1. */
  share?: number;
  cells: string[];
}

/** A table of figures; the first column names what they are of. */
export function FigureTable({ label, columns, rows }: { label: string; columns: string[]; rows: FigureRow[] }) {
  return (
    <table className={css['table']} aria-label={label}>
      <thead>
        <tr>
          {columns.map((column) => (
            <th key={column} scope="col">
              {column}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, first, share, cells }) => (
          <tr key={key} data-key={key}>
            <th scope="row">
              {first.onClick === undefined ? (
                first.label
              ) : (
                <Button look="link" onClick={first.onClick}>
                  {first.label}
                </Button>
              )}
              {share !== undefined && <span aria-hidden="true" className={css['share']} style={{ width: `${String(share * 100)}%` }} />}
            </th>
            {cells.map((cell, index) => (
              <td key={columns[index + 1]}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
