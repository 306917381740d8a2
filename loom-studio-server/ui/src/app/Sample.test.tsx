// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../data/api';
import { SampleNotice, SampleOffer } from './Sample';

afterEach(() => {
  cleanup();
  window.history.replaceState(null, '', '/');
});

describe('SampleOffer', () => {
  it('opens the workspace of the recording once it is there', async () => {
    const onLoaded = vi.fn();
    render(<SampleOffer load={() => Promise.resolve()} onLoaded={onLoaded} />);
    fireEvent.click(screen.getByRole('button', { name: 'Explore a recorded run' }));
    expect(screen.getByRole<HTMLButtonElement>('button').disabled).toBe(true);
    await vi.waitFor(() => { expect(onLoaded).toHaveBeenCalledExactlyOnceWith('/topology?workspace=sample'); });
  });

  it('says why it could not, and lets one try again', async () => {
    const onLoaded = vi.fn();
    const refused = new ApiError({ code: 'refused', detail: 'the store is full', status: 503 });
    render(<SampleOffer load={() => Promise.reject(refused)} onLoaded={onLoaded} />);
    fireEvent.click(screen.getByRole('button'));
    expect((await screen.findByRole('alert')).textContent).toContain('the store is full');
    expect(screen.getByRole<HTMLButtonElement>('button').disabled).toBe(false);
    expect(onLoaded).not.toHaveBeenCalled();
  });
});

describe('SampleNotice', () => {
  it('is there in the workspace of the recording alone, and leads back', () => {
    const onLeave = vi.fn();
    const { unmount } = render(<SampleNotice onLeave={onLeave} />);
    expect(screen.queryByRole('note')).toBeNull();
    unmount();
    window.history.replaceState(null, '', '/runs?workspace=sample');
    render(<SampleNotice onLeave={onLeave} />);
    fireEvent.click(screen.getByRole('button', { name: 'Back to your events' }));
    expect(onLeave).toHaveBeenCalledExactlyOnceWith('/topology');
  });
});
