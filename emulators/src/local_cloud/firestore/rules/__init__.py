"""Security rules: who may do what. https://firebase.google.com/docs/rules/rules-language"""
