import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { dataClient } from '../data/client';
import '../styles/tokens.css';
import '../styles/base.css';
import { App } from './App';

const queries = new QueryClient({
  defaultOptions: { queries: { retry: 1, staleTime: 30_000, gcTime: 60_000, refetchOnWindowFocus: false } },
});

dataClient();

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
