import { useMemo } from 'react';
import { usePrefs, type Language } from '../prefs';
import { en, type Dictionary, type MessageKey } from './en';
import { format, type Values } from './format';
import { zh } from './zh';

const DICTIONARIES: Record<Language, Dictionary> = { en, zh };

export type Translate = (key: MessageKey, values?: Values) => string;

export function translator(language: Language): Translate {
  const dictionary = DICTIONARIES[language];
  return (key, values) => (values === undefined ? dictionary[key] : format(dictionary[key], values, language));
}

export function useT(): Translate {
  const language = usePrefs((prefs) => prefs.language);
  return useMemo(() => translator(language), [language]);
}
