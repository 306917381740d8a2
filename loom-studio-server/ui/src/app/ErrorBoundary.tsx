import { Component, type ReactNode } from 'react';
import { Button } from '../shared/ui/Button';
import css from './app.module.css';

interface Props {
  message: string;
  action: string;
  children: ReactNode;
}

/** Keeps the shell alive when a view fails, or when its chunk can't be fetched after the server was updated. */
export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <div role="alert" className={css['failed']}>
        <p>{this.props.message}</p>
        <Button
          look="primary"
          onClick={() => {
            window.location.reload();
          }}
        >
          {this.props.action}
        </Button>
      </div>
    );
  }
}
